"""What is said of a sweep that did not come out as an undisturbed one."""

from tests.runner.run_tables import differences

UNDISTURBED = {"r1": {"column status": "finished", "train_loss at step 3": "0x1p+1 after 20 tokens"}}


def test_each_difference_is_a_line_and_too_many_are_counted() -> None:
    assert differences(UNDISTURBED, UNDISTURBED) == []
    disturbed = {"r1": {"column status": "finished", "file .adapter.inprogress-7/a.safetensors": "c66d"}}
    assert differences(disturbed, UNDISTURBED) == [
        "run r1, file .adapter.inprogress-7/a.safetensors: c66d, expected nothing",
        "run r1, train_loss at step 3: nothing, expected 0x1p+1 after 20 tokens",
    ]
    many = differences({}, {"r2": {f"lr_now at step {step}": "0x1p+1" for step in range(40)}})
    assert len(many) == 13
    assert many[-1] == "and 28 more"
