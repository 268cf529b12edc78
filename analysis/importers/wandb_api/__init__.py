"""Reads W&B servers, cloud or self-hosted, through wandb's own client.

The client's stock calls lose rows without a word: a cache that is never checked, pages that a server cuts short, a list
of keys that may be null. So nothing is taken from a cache, the history comes from the exported Parquet files and from
pages of the rest, and what arrived is compared with the number of rows that the server says the run has.
"""

from analysis.importers.wandb_api.api_source import SOURCE

__all__ = ["SOURCE"]
