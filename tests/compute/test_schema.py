import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.compute.dataset import TableDataset
from fireside.compute.schema import check_columns, conform, first_difference, plain_schema, plain_type
from fireside.core.errors import SchemaError

WORDS = st.one_of(st.none(), st.text(max_size=4))
# Each strategy of values with the Arrow types that can hold them, the plain one first.
COLUMNS = [
    (WORDS, [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int16(), pa.string())]),
    (st.one_of(st.none(), st.binary(max_size=4)), [pa.binary(), pa.large_binary(), pa.binary_view()]),
    (
        st.one_of(st.none(), st.lists(WORDS, max_size=3)),
        [pa.list_(pa.string()), pa.large_list(pa.large_string()), pa.list_view(pa.string())],
    ),
    (
        st.one_of(
            st.none(), st.fixed_dictionaries({"a": WORDS, "b": st.one_of(st.none(), st.integers(-9, 9))})
        ),
        [
            pa.struct([("a", pa.string()), ("b", pa.int64())]),
            pa.struct([pa.field("a", pa.large_string()), pa.field("b", pa.int64())]),
        ],
    ),
]


@st.composite
def columns(draw: st.DrawFn) -> tuple[pa.Array, list[object], pa.DataType]:
    values, kinds = draw(st.sampled_from(COLUMNS))
    rows = draw(st.lists(values, max_size=12))
    kind = draw(st.sampled_from(kinds))
    start = draw(st.integers(0, len(rows)))
    # A slice has an offset, which every rebuilt array must respect.
    return pa.array(rows, kind).slice(start), rows[start:], kinds[0]


@given(columns(), st.integers(1, 5))
def test_plain_columns_hold_the_same_values(
    column: tuple[pa.Array, list[object], pa.DataType], batch_rows: int
) -> None:
    array, rows, plain = column
    data = TableDataset(pa.table({"c": array}), batch_rows=batch_rows)
    assert data.schema.field("c").type == plain
    assert data.to_table()["c"].to_pylist() == rows
    assert [batch.num_rows for batch in data.batches()][:-1] == [batch_rows] * ((len(rows) - 1) // batch_rows)


def test_dictionaries_of_views_are_decoded_wherever_they_are() -> None:
    words = pa.array(["x", None, "y", "x", "zz"], pa.string_view()).cast(pa.string()).dictionary_encode()
    views = pa.DictionaryArray.from_arrays(words.indices, words.dictionary.cast(pa.string_view()))
    lists = pa.ListArray.from_arrays([0, 2, 2, 5], views, mask=pa.array([False, True, False]))
    structs = pa.StructArray.from_arrays([views], ["w"], mask=pa.array([False, False, True, False, False]))
    table = TableDataset(pa.table({"l": lists.slice(1)})).to_table()
    assert table["l"].to_pylist() == [None, ["y", "x", "zz"]]
    found = TableDataset(pa.table({"s": structs.slice(1)})).to_table()["s"]
    assert found.to_pylist() == [{"w": None}, None, {"w": "x"}, {"w": "zz"}]


def test_plain_types_are_plain_already() -> None:
    for _, kinds in COLUMNS:
        for kind in kinds:
            assert plain_type(kind) == kinds[0]
            assert plain_type(plain_type(kind)) == plain_type(kind)


def test_metadata_that_mean_something_are_kept_and_others_dropped() -> None:
    field = pa.field("a", pa.int64(), nullable=False, metadata={"PARQUET:field_id": "1", "unit": "kg"})
    plain = plain_schema(pa.schema([field], metadata={"pandas": "..."}))
    assert plain.metadata is None
    assert plain.field("a").nullable
    assert plain.field("a").metadata == {b"unit": b"kg"}


def test_a_name_that_occurs_twice_is_refused() -> None:
    with pytest.raises(SchemaError, match="column 'a' occurs 2 times"):
        plain_schema(pa.schema([("a", pa.int64()), ("b", pa.int64()), ("a", pa.string())]))


def test_a_value_that_does_not_fit_names_the_column() -> None:
    batch = pa.RecordBatch.from_pydict({"n": [1, 300]})
    with pytest.raises(SchemaError, match="column 'n' cannot be turned from int64 into int8"):
        conform(batch, pa.schema([("n", pa.int8())]))


def test_the_nearest_column_is_suggested_only_where_one_is_near() -> None:
    schema = pa.schema([("label", pa.int64())])
    check_columns(schema, ["label"])
    with pytest.raises(SchemaError, match=r"no column 'xyz'\. Columns: label"):
        check_columns(schema, ["xyz"])
    with pytest.raises(SchemaError, match="Columns: none at all"):
        check_columns(pa.schema([]), ["xyz"])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([("a", pa.int64()), ("b", pa.string())], None),
        ([("a", pa.int64())], "column 'b' is missing"),
        ([("a", pa.int32()), ("b", pa.string())], "column 'a' is int32, not int64"),
        ([("a", pa.int64()), ("b", pa.string()), ("c", pa.null())], "column 'c' is not expected"),
        ([("b", pa.string()), ("a", pa.int64())], "the columns come as b, a, not as a, b"),
    ],
)
def test_the_first_difference_is_put_into_words(found: list[tuple[str, pa.DataType]], expected: str) -> None:
    wanted = pa.schema([("a", pa.int64()), ("b", pa.string())])
    assert first_difference(pa.schema(found), wanted) == expected
