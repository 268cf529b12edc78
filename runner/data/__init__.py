"""Training data: files, Hub data sets and built-in ones, as examples in two parts. Nothing here imports torch."""

from runner.data.dataset import Dataset
from runner.data.examples import Example, Message
from runner.data.load import load_dataset

__all__ = ["Dataset", "Example", "Message", "load_dataset"]
