"""Tags, notes, stars and saved views: nothing is lost, the newest act counts, and filters see what holds."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import ConfigError, FilterError
from analysis.runs.filters import parse_conditions
from analysis.store import Store
from analysis.store.annotating import Annotated, Wish, annotate, save_view, take_back
from analysis.store.annotations import Author, Kind, Subject
from tests.analysis.store.processes import CONTEXT, annotate_run, running

ANN, BOB = Author("Ann", "u-ann", "dashboard"), Author("Bob", "u-bob", "command line")
SWEEP = Subject("sweep", "s1")


def run(run_id: str) -> Subject:
    return Subject("run", run_id)


@pytest.fixture
def runs(store: Store) -> Store:
    """Two runs of one sweep, of which one has tags of its own, and one run of none."""
    rows: list[dict[str, object]] = [{"run_id": "a", "sweep_id": "s1", "tags": ["zeta", "base"]}]
    rows += [{"run_id": "b", "sweep_id": "s1"}, {"run_id": "c"}]
    store.append(runs=[{"status": "stopped", **row} for row in rows])
    return store


def say(store: Store, subject: Subject, kind: Kind, text: str = "", author: Author = ANN) -> Annotated:
    return annotate(store, [Wish(subject, kind, text)], author)


def unsay(store: Store, subject: Subject, kind: Kind, text: str = "", author: Author = ANN) -> Annotated:
    return annotate(store, [Wish(subject, kind, text, active=False)], author)


def tags(store: Store) -> list[object]:
    return list(store.snapshot().runs()["tags"])


def fitting(store: Store, *where: str) -> list[str]:
    """Which runs pass, in every kind of question alike."""
    conditions, snapshot = parse_conditions(where), store.snapshot()
    found = [str(run_id) for run_id in snapshot.runs(conditions)["run_id"]]
    assert (
        found
        == list(snapshot.results("eval_loss", conditions)["run_id"])
        == list(snapshot.latest(conditions)["run_id"])
    )
    return found


def test_a_store_that_nobody_annotated_reads_as_before(runs: Store) -> None:
    found = runs.snapshot().runs()
    assert tags(runs) == [("zeta", "base"), None, None]
    assert (list(found["starred"]), list(found["n_notes"])) == ([False] * 3, [0] * 3)
    assert fitting(runs, "starred=true") == fitting(runs, "note~x") == fitting(runs, "n_notes>0") == []
    assert fitting(runs, "starred=false") == fitting(runs, "starred!=true") == ["a", "b", "c"]
    assert not (Path(runs.location) / "annotations").exists()


def test_tags_of_the_row_of_annotations_and_of_the_sweep_stand_together(runs: Store) -> None:
    say(runs, run("a"), "tag", "good")
    say(runs, SWEEP, "tag", "all")
    assert tags(runs) == [("zeta", "base", "all", "good"), ("all",), None]
    unsay(runs, run("a"), "tag", "base")
    assert tags(runs) == [("zeta", "all", "good"), ("all",), None]
    unsay(runs, SWEEP, "tag", "all")
    unsay(runs, run("a"), "tag", "zeta")
    unsay(runs, run("a"), "tag", "good")
    assert tags(runs) == [None, None, None]
    say(runs, run("a"), "tag", "base")
    assert tags(runs) == [("base",), None, None]
    assert runs.snapshot().run_rows(["a"])["a"]["tags"] == ["zeta", "base"]


def test_every_filter_sees_annotations(runs: Store) -> None:
    say(runs, run("a"), "star")
    say(runs, run("b"), "note", "A spike at step 3")
    say(runs, run("b"), "note", "50 % sure", BOB)
    say(runs, SWEEP, "tag", "review, please")
    assert fitting(runs, "starred=true") == ["a"]
    assert fitting(runs, "starred!=true") == ["b", "c"]
    assert fitting(runs, "note~SPIKE") == ["b"]
    assert fitting(runs, "note~50 %") == ["b"]
    assert fitting(runs, "n_notes>=2") == ["b"]
    assert fitting(runs, "note=null") == ["a", "c"]
    assert fitting(runs, 'tag="review, please"') == fitting(runs, "tags~PLEASE") == ["a", "b"]
    assert fitting(runs, "tag!=base") == ["b", "c"]
    assert fitting(runs, "tag=base,other", "starred=true") == ["a"]


@pytest.mark.parametrize(
    ("filter_", "said"),
    [("starred=yes", "starred is of type bool, got 'yes'"), ("starred>true", "starred is true or false")],
)
def test_a_filter_that_makes_no_sense_is_refused(filter_: str, said: str) -> None:
    with pytest.raises(FilterError, match=said):
        parse_conditions([filter_])


def test_what_stands_already_is_not_written_again(runs: Store) -> None:
    for kind, text in (("tag", "base"), ("tag", "good"), ("note", "text"), ("star", "")):
        say(runs, run("a"), kind, text)  # type: ignore[arg-type]  # each is a Kind
    key = runs.snapshot().key
    again = annotate(
        runs, [Wish(run("a"), "tag", " good "), Wish(run("a"), "note", "text"), Wish(run("a"), "star")], ANN
    )
    assert (again.written, again.n_as_before) == ((), 3)
    assert say(runs, run("a"), "tag", "good", BOB).written == ()
    assert say(runs, run("a"), "tag", "base").written == unsay(runs, run("b"), "tag", "never").written == ()
    assert runs.snapshot().key == key
    assert [each.author for each in say(runs, run("a"), "note", "text", BOB).written] == ["Bob"]
    assert list(runs.snapshot().runs()["n_notes"]) == [2, 0, 0]


def test_a_tag_of_the_sweep_stays_until_it_is_taken_back_there(runs: Store) -> None:
    say(runs, SWEEP, "tag", "all")
    assert unsay(runs, run("a"), "tag", "all").remarks == (
        "Run a has the tag 'all' from its sweep s1; take it back there.",
    )
    assert tags(runs)[1] == ("all",)


def test_a_note_is_taken_back_and_nothing_is_forgotten(runs: Store) -> None:
    (note,) = say(runs, run("a"), "note", "first\nsecond line").written
    assert len(take_back(runs, [note.annotation_id], BOB).written) == 1
    assert take_back(runs, [note.annotation_id], BOB).n_as_before == 1
    (standing,) = runs.snapshot().annotations()
    assert (standing.active, standing.author, standing.text) == (False, "Bob", "first\nsecond line")
    assert list(runs.snapshot().runs()["n_notes"]) == [0, 0, 0]
    with pytest.raises(ConfigError, match="there is no annotation 'x'"):
        take_back(runs, ["x"], BOB)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Wish(run("nope"), "tag", "x"), "there is no run 'nope'; there are: a, b, c"),
        (Wish(Subject("sweep", "a"), "star"), "there is no sweep 'a'; there are: s1"),
        (Wish(run("a"), "tag", "  "), "a tag is one line of 1 to 100 characters, got ''"),
        (Wish(run("a"), "tag", "x\ny"), "a tag is one line"),
        (Wish(run("a"), "tag", "\u202egnp"), "a tag is one line"),
        (Wish(run("a"), "tag", "x" * 101), "a tag is one line"),
        (Wish(run("a"), "note", " \n"), "a note needs a text"),
        (Wish(run("a"), "note", "x" * 10_001), "a note has at most 10,000 characters, this one has 10,001"),
    ],
)
def test_what_makes_no_sense_is_refused_and_writes_nothing(runs: Store, wish: Wish, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        annotate(runs, [Wish(run("a"), "tag", "fine"), wish], ANN)
    assert runs.snapshot().annotations() == []


def test_a_configuration_key_of_the_same_name_counts_as_well(runs: Store) -> None:
    """Tables of other tools have columns called `note` and `tag`."""
    config = {"config_json": '{"note": "it was hot", "tag": "v1"}'}
    runs.append(runs=[{"run_id": "d", "status": "finished", **config}])
    say(runs, run("a"), "tag", "v1")
    say(runs, run("b"), "note", "it was cold")
    assert fitting(runs, "tag=v1") == ["a", "d"]
    assert fitting(runs, "tag!=v1") == ["b", "c"]
    assert fitting(runs, "note~it was") == ["b", "d"]
    assert fitting(runs, "note=it was hot") == ["d"]
    assert fitting(runs, "note=null") == ["a", "c"]
    assert fitting(runs, "tag=null") == ["b", "c"]


@pytest.mark.parametrize("text", ["'; DROP TABLE runs; --", "{runs}", "$where_0", "</script>", "=HYPERLINK(1)", "🐟"])
def test_any_text_is_kept_as_it_is_and_found(runs: Store, text: str) -> None:
    say(runs, run("a"), "tag", text)
    say(runs, run("c"), "note", text)
    assert tags(runs)[0] == ("zeta", "base", text)
    assert fitting(runs, f"tag={_quoted(text)}") == ["a"]
    assert fitting(runs, f"note~{_quoted(text)}") == ["c"]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def test_a_view_is_saved_once_under_a_name(runs: Store) -> None:
    save_view(runs, "my view", "runs?sweep=s1", ANN)
    assert save_view(runs, " my view ", "runs?sweep=s1", BOB).n_as_before == 1
    with pytest.raises(ConfigError, match="Ann has saved another view as 'my view'"):
        save_view(runs, "my view", "runs?sweep=s2", BOB)
    (view,) = runs.snapshot().annotations()
    assert (view.subject, view.kind, view.text) == (Subject("view", "my view"), "query", "runs?sweep=s1")
    take_back(runs, [view.annotation_id], BOB)
    save_view(runs, "my view", "runs?sweep=s2", BOB)
    assert [each.text for each in runs.snapshot().annotations() if each.active] == ["runs?sweep=s2"]
    assert tags(runs) == [("zeta", "base"), None, None]


def test_two_processes_that_annotate_one_run_lose_nothing(runs: Store) -> None:
    n_acts = 6
    writers = [
        CONTEXT.Process(target=annotate_run, args=(runs.location, "b", author, n_acts)) for author in ("ann", "bob")
    ]
    with running([*writers]):
        for writer in writers:
            writer.join(60)
        assert [writer.exitcode for writer in writers] == [0, 0]
    own = sorted(f"{author}-{number}" for author in ("ann", "bob") for number in range(n_acts))
    assert tags(runs)[1] == (*own, "shared")
    assert list(runs.snapshot().runs()["n_notes"]) == [0, 2 * n_acts, 0]
    assert runs.check() == []


WISHES = st.builds(
    Wish,
    st.sampled_from([run("a"), run("b"), SWEEP]),
    st.sampled_from(["tag", "note"]),
    st.sampled_from(["base", "x", "y"]),
    st.booleans(),
)


@settings(max_examples=10)
@given(
    acts=st.lists(st.tuples(WISHES, st.sampled_from([ANN, BOB])), max_size=6), order=st.randoms(use_true_random=False)
)
def test_the_newest_act_counts_whatever_order_the_rows_are_in(
    acts: Sequence[tuple[Wish, Author]], order: object
) -> None:
    with TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "one", create=True)
        other = Store.open(Path(folder) / "two", create=True)
        for each in (store, other):
            each.append(runs=[{"run_id": name, "sweep_id": "s1", "status": "finished"} for name in ("a", "b")])
        said: dict[tuple[object, ...], bool] = {}
        for wish, author in acts:
            annotate(store, [wish], author)
            said[(wish.subject, wish.kind, wish.text, author if wish.kind == "note" else None)] = wish.active
        rows = [each.to_row() for each in store.snapshot().annotations()]
        order.shuffle(rows)  # type: ignore[attr-defined]
        late = [row | {"seq": 1, "active": not row["active"]} for row in rows]  # older acts change nothing
        other.append(annotations=rows)
        other.append(annotations=late)
        for each in (store, other):
            found = each.snapshot().runs()
            for position, name in enumerate(("a", "b")):
                holds = {
                    key[2]
                    for key, active in said.items()
                    if active and key[1] == "tag" and key[0] in (run(name), SWEEP)
                }
                assert set(found["tags"][position] or ()) == holds
                assert found["n_notes"][position] == sum(
                    active for key, active in said.items() if key[1] == "note" and key[0] == run(name)
                )
