"""A raw frame's first message names all that is wrong in it, and its code runs when copied."""

import datetime as dt
import pickle
import re
import sys
from functools import partial
from types import FunctionType

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skbetafd import FrontDoorMultiModalClassifierCV, MultiModalArray, PerModality
from skbetafd.baselines import FusionClassifier

N = 120
RNG = np.random.default_rng(0)
Y = np.arange(N) % 3
SAID = [
    f"{place} {what} {n}"
    for n, (place, what) in enumerate(
        zip(
            RNG.choice(["left wing", "engine", "nose cone"], N),
            RNG.choice(["hit by a gull", "unharmed", "struck hard"], N),
            strict=True,
        )
    )
]
DAY = pd.Timestamp("2021-03-01")
DAYS = pd.Series(DAY + pd.to_timedelta(RNG.integers(0, 900, N), "D"))
HOURS = pd.Series(pd.to_timedelta(RNG.integers(1, 99, N), "h"))
NUMBER = RNG.normal(size=N) + Y
KIND = RNG.choice(["TX", "OH", "CA"], N)


def some(values, step):
    """The values, every so many of which is missing."""
    return [None if i % step == 0 else value for i, value in enumerate(values)]


def birds():
    return pd.DataFrame(
        {
            "remarks": some(SAID, 7),
            "state": some(KIND, 5),
            "speed": some(NUMBER, 4),
            "height": NUMBER,
            "day": DAYS.where(Y > 0),
        }
    )


def clinic():
    record = pd.DataFrame(
        {
            "visit": some(DAYS.dt.date, 6),
            "sex": pd.array(some(KIND, 5), dtype="string"),
            "smoker": pd.array(some(Y > 0, 4), dtype="boolean"),
            "pulse": pd.array(some(Y, 3), dtype="Int64"),
            "ward": pd.Categorical(KIND),
            "stay": HOURS.where(Y > 0),
        }
    )
    record.iloc[::8] = None
    return {"record": record, "letter": pd.Series(some(SAID, 9)), "lab": RNG.normal(size=(N, 2))}


def trips():
    start = dt.datetime(2021, 1, 1, tzinfo=dt.UTC)
    return {
        "trip": pl.DataFrame(
            {
                "at": some([start + dt.timedelta(hours=i) for i in range(N)], 6),
                "on": [dt.date(2021, 1, 1 + i % 28) for i in range(N)],
                "took": some([dt.timedelta(minutes=i) for i in range(N)], 5),
                "kind": some(KIND.tolist(), 4),
                "km": some(NUMBER.tolist(), 3),
                "note": some(SAID, 9),
            }
        ),
        "gps": pl.DataFrame({"lat": NUMBER, "lon": -NUMBER}),
    }


def sensors():
    return pd.DataFrame(
        {
            "pump__up": HOURS.where(Y > 0),
            "pump__mode": KIND,
            "pump__tags": [[1, 2]] * N,
            "fan__speed": some(NUMBER, 4),
            "fan__since": DAYS.dt.tz_localize("Europe/Rome").where(Y < 2),
        }
    )


RAW = {
    "birds": (
        birds,
        "X has text ('remarks'), categories ('state'), gaps ('speed'), dates ('day')",
        ["remarks", "table"],
    ),
    "clinic": (
        clinic,
        "'record' has dates ('visit'), categories ('sex', 'ward'), gaps ('smoker', 'pulse'), "
        "durations ('stay'); 'letter' has text",
        ["record", "letter", "lab"],
    ),
    "trips, of polars": (
        trips,
        "'trip' has dates ('at', 'on'), durations ('took'), categories ('kind'), gaps ('km'), "
        "text ('note')",
        ["trip", "gps"],
    ),
    "sensors": (
        sensors,
        "'pump' has durations ('up'), categories ('mode'), what is neither numbers nor text, left "
        "out ('tags'); 'fan' has gaps ('speed'), dates ('since')",
        ["pump", "fan"],
    ),
    "array of objects": (
        lambda: birds().to_numpy(),
        "X has text (0), categories (1), gaps (2), dates (4)",
        ["0", "table"],
    ),
    "list": (
        lambda: [birds()[["speed", "day"]].to_numpy(), SAID],
        "'modality0' has gaps (0), dates (1); 'modality1' has text",
        ["modality0", "modality1"],
    ),
    "gaps alone": (
        lambda: {"a": np.where(RNG.random((N, 3)) < 0.1, np.nan, 1.0), "b": birds()[["height"]]},
        "'a' has gaps.",
        ["a", "b"],
    ),
    "gaps of a picture and of a sparse matrix": (
        lambda: {
            "a": np.where(RNG.random((N, 1, 3, 3)) < 0.1, np.nan, 1.0),
            "b": sparse.csr_array(np.where(RNG.random((N, 3)) < 0.1, np.nan, NUMBER[:, None])),
        },
        "'a' has gaps; 'b' has gaps.",
        ["a", "b"],
    ),
    "one table without text": (
        lambda: birds().drop(columns="remarks").assign(empty=pd.NaT),
        "X has categories ('state'), gaps ('speed'), dates ('day', 'empty')",
        ["table"],
    ),
    "one table without a header": (
        lambda: birds().set_axis([*range(5)], axis=1),
        "X has text ('0'), categories ('1'), gaps ('2'), dates ('4')",
        ["0", "table"],
    ),
    "categories beside numbers": (
        lambda: {"a": birds()[["state"]], "b": birds()[["height"]]},
        "'a' has categories.",
        ["a", "b"],
    ),
    "text alone": (lambda: pd.DataFrame({"remarks": SAID}), "X has text.", ["remarks"]),
    "booleans beside dates": (
        lambda: {"a": pd.get_dummies(KIND).assign(day=DAYS), "b": SAID},
        "'a' has dates ('day'); 'b' has text",
        ["a", "b"],
    ),
    "what no encoder takes": (
        lambda: {
            "a": birds()[["speed"]].assign(at=dt.time(3), mixed=[1, "n/a", 2] * 40),
            "b": SAID,
        },
        "'a' has gaps ('speed'), what is neither numbers nor text, left out ('at', 'mixed'); 'b'",
        ["a", "b"],
    ),
    "names that are numbers": (
        lambda: {"a": birds()[["state", "speed"]].set_axis([7, 0], axis=1), "b": SAID},
        "'a' has categories (0), gaps (1); 'b' has text",
        ["a", "b"],
    ),
}


def message(act):
    with pytest.raises((TypeError, ValueError)) as told:
        act()
    return str(told.value)


def encoder(said):
    """Run the code of a message, and return what it calls `encode`."""
    code = said[re.search(r"^(from|import) ", said, re.MULTILINE).start() :]
    namespace = {"__name__": "__main__"}  # as in a notebook or a script
    exec(code, namespace)
    return namespace["encode"], namespace


def container(X):
    return MultiModalArray(X) if isinstance(X, (dict, list)) else X


@pytest.mark.parametrize("case", RAW)
def test_a_raw_frame_is_fitted_at_the_second_attempt(case, quick, monkeypatch):
    make, words, names = RAW[case]
    X = make()
    said = message(lambda: quick().fit(X, Y))
    assert f"In all, {words}" in said
    for name in re.findall(r"^(\w+) = ", said, re.MULTILINE):
        assert name == "encode" or len(re.findall(rf"\b{name}\b[,)]", said)) > 0
    encode, namespace = encoder(said)
    pipeline = make_pipeline(encode, quick(max_epochs=1)).fit(X, Y)
    assert pipeline[-1].modality_names_ == names
    for name, value in namespace.items():
        if isinstance(value, FunctionType):
            monkeypatch.setattr(sys.modules["__main__"], name, value, raising=False)
    again = pickle.loads(pickle.dumps(pipeline))
    assert (again.predict_proba(X) == pipeline.predict_proba(X)).all()
    grid = {"frontdoormultimodalclassifier__beta": [0, 1]}
    GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(container(X), Y)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["birds", "clinic", "trips, of polars", "sensors"])
def test_the_code_of_a_message_goes_to_other_processes(case, quick):
    X = RAW[case][0]()
    encode, _ = encoder(message(lambda: quick().fit(X, Y)))
    pipeline = make_pipeline(encode, quick(max_epochs=1))
    scores = cross_val_score(pipeline, container(X), Y, cv=2, n_jobs=2, error_score="raise")
    assert np.isfinite(scores).all()


def test_what_is_missing_at_prediction_alone_is_encoded_too(quick):
    X = birds().ffill().bfill()
    encode, _ = encoder(message(lambda: quick().fit(X, Y)))
    pipeline = make_pipeline(encode, quick(max_epochs=1)).fit(X, Y)
    gaps = birds()
    gaps.loc[3, "state"] = "never seen"
    with pytest.warns(UserWarning, match="unknown categories"):
        assert np.isfinite(pipeline.predict_proba(gaps)).all()


@pytest.mark.parametrize("case", ["birds", "clinic", "trips, of polars"])
def test_rows_one_by_one_are_encoded_as_all_are_whatever_types_their_gaps_have(case, quick):
    X = RAW[case][0]()
    encode, _ = encoder(message(lambda: quick().fit(X, Y)))
    tables = X if isinstance(X, dict) else {"": X}
    pipeline = make_pipeline(encode, quick(max_epochs=1)).fit(X, Y)

    def one(table, row):
        if isinstance(table, pl.DataFrame):
            return pl.DataFrame([table.row(row, named=True)])
        if isinstance(table, pd.DataFrame):
            return pd.DataFrame([table.iloc[row].to_dict()])
        return table[row : row + 1]

    for row, expected in enumerate(pipeline.predict_proba(X)[1:7], start=1):
        alone = {name: one(table, row) for name, table in tables.items()}
        proba = pipeline.predict_proba(alone if isinstance(X, dict) else alone[""])
        assert_allclose(proba[0], expected, atol=1e-6)


@pytest.mark.parametrize("library", [pd, pl])
def test_categories_read_back_as_numbers_are_warned_of(library, quick):
    sites = library.DataFrame({"site": ["02139", "01002", "10001"] * 40, "n": NUMBER})
    encode, _ = encoder(message(lambda: quick().fit(sites, Y)))
    pipeline = make_pipeline(encode, quick(max_epochs=1, beta=0)).fit(sites, Y)
    read = library.DataFrame({"site": [2139, 1002, 10001] * 40, "n": NUMBER})
    with pytest.warns(UserWarning, match="unknown categories in columns \\[0\\]"):
        pipeline.predict(read)


def test_series_of_dates_durations_and_flags_are_fitted_at_the_second_attempt(quick):
    X = {"a": birds()[["height"]], "day": DAYS, "up": HOURS, "flag": pd.Series(Y > 0)}
    said = message(lambda: quick().fit(X, Y))
    assert "'day' has dates; 'up' has durations" in said
    make_pipeline(encoder(said)[0], quick(max_epochs=1)).fit(X, Y)


@pytest.mark.parametrize(
    "first",
    [
        lambda X, clf: clf.partial_fit(X, Y, classes=[0, 1, 2]),
        lambda X, clf: FrontDoorMultiModalClassifierCV(cv=2).fit(X, Y),
        lambda X, clf: FusionClassifier().fit(X, Y),
        lambda X, clf: PerModality(StandardScaler()).fit(X, Y),
        lambda X, clf: make_pipeline(PerModality(PCA(1)), clf).fit(X, Y),
    ],
    ids=["partial_fit", "search", "baseline", "PerModality", "Pipeline"],
)
def test_whatever_is_fitted_first_gives_the_same_code(first, quick):
    expected = message(lambda: quick().fit(birds(), Y)).partition("In all")[2]
    assert message(lambda: first(birds(), quick())).partition("In all")[2] == expected


def test_modalities_that_the_user_has_named_stay_so(quick):
    X, groups = birds(), {"note": ["remarks"], "rest": ["state", "speed", "height", "day"]}
    for make in (quick, FrontDoorMultiModalClassifierCV):
        encode, _ = encoder(message(partial(make(modalities=groups).fit, X, Y)))
        assert make_pipeline(encode, quick(max_epochs=1)).fit(X, Y)[-1].modality_names_ == [*groups]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (["OH", "TX"] * 60, "categories"),
        (["wet seal", "dry seal"] * 60, "categories"),
        (SAID, "text"),
        ([f"case-{i}" for i in range(N)], "categories"),
        (["12", "7"] * 60, "categories"),
    ],
)
def test_strings_of_many_different_words_are_text(column, kind, quick):
    X = {"a": pd.DataFrame({"x": column, "y": 1.0}), "b": NUMBER[:, None]}
    assert f"In all, 'a' has {kind} ('x')" in message(lambda: quick().fit(X, Y))


def test_what_a_transformer_of_ones_own_leaves_is_found_by_its_name(quick):
    X = {"table": birds(), "b": NUMBER[:, None]}
    kept = make_column_transformer(
        (OneHotEncoder(), ["state"]), ("passthrough", ["speed", "height"])
    )
    pipeline = make_pipeline(PerModality({"table": kept}), quick())
    said = message(lambda: pipeline.fit(X, Y))
    assert "'table' contains NaN at row 0, column 4 ('passthrough__speed')" in said
    assert "PerModality(" not in said
    filled = birds().assign(speed=1.0)
    pipeline.fit({**X, "table": filled}, Y)
    assert "('passthrough__speed')" in message(lambda: pipeline.predict(X))


def test_what_a_transformer_has_made_is_pickled_without_it():
    X = {"a": birds()[["speed"]].fillna(0), "b": NUMBER[:, None]}
    out = PerModality(FunctionTransformer(lambda table: table)).fit_transform(X)
    assert pickle.loads(pickle.dumps(out))["b"].shape == (N, 1)


def test_an_error_of_a_transformer_at_prediction_names_the_columns():
    X = {"table": birds()[["speed", "height"]].fillna(0), "b": NUMBER[:, None]}
    scale = PerModality({"table": PCA(1)}).fit(X)
    said = message(lambda: scale.transform({**X, "table": birds()[["speed", "height"]]}))
    assert said.startswith("modality 'table': ")
    assert said.endswith("has gaps ('speed')")


def test_what_code_cannot_mend_is_named_with_the_rest(quick):
    X = {"a": birds()[["state", "speed"]].assign(height=np.inf), "b": birds()[["remarks"]]}
    X["a"].loc[7] = None
    said = message(lambda: quick().fit(X, Y))
    assert "infinities, to be replaced by NaN first ('height')" in said
    assert "row 7 has nothing, leave it out (1 such)" in said


def test_what_the_data_do_not_explain_has_no_code(modalities, y, quick):
    said = message(lambda: make_pipeline(PerModality(PCA(99)), quick()).fit(modalities, y))
    assert "In all" not in said
    audio = modalities["audio"].copy()
    audio[3, 1] = np.inf
    assert "In all" not in message(lambda: quick().fit({**modalities, "audio": audio}, y))
