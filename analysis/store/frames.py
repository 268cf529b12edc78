"""Arrow results -> pandas tables whose dtypes do not depend on what happens to be in them."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

_DTYPES: Final = {
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(na_value=np.nan),
}


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Table with Int64, boolean and str columns that may miss values, float64, and UTC timestamps in microseconds.

    Lists become tuples, so that a column of them can be grouped by; a missing list is None.
    """
    frame: pd.DataFrame = table.to_pandas(types_mapper=_DTYPES.get)
    for index, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            tuples = [None if item is None else tuple(item) for item in table.column(index).to_pylist()]
            frame[field.name] = pd.Series(tuples, dtype=object, index=frame.index)
    return frame
