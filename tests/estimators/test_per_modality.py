import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    StandardScaler,
    TargetEncoder,
)

from skbetafd import MultiModalArray, PerModality

GENRE = pd.DataFrame({"genre": list("abc") * 40, "mood": list("xy") * 60})


def test_one_transformer_is_cloned_and_fitted_to_each_modality(modalities):
    scaler = StandardScaler()
    fitted = PerModality(scaler).fit(modalities)
    assert not hasattr(scaler, "mean_")
    assert fitted.modality_names_ == ["audio", "video"]
    assert fitted.n_features_in_ == 7
    for name, transformer in fitted.transformers_.items():
        assert_allclose(transformer.mean_, modalities[name].mean(axis=0))


def test_transform_gives_a_container_with_the_same_names(modalities):
    transformed = PerModality(StandardScaler()).fit(modalities).transform(modalities)
    assert isinstance(transformed, MultiModalArray)
    assert transformed.names == ("audio", "video")
    assert transformed.named
    for name, array in modalities.items():
        assert_allclose(transformed[name], StandardScaler().fit_transform(array))


def test_all_forms_are_transformed_alike(modalities, flat):
    expected = np.asarray(PerModality(StandardScaler()).fit_transform(modalities))
    names = [f"{name}__{i}" for name, a in modalities.items() for i in range(a.shape[1])]
    for X in (
        list(modalities.values()),
        MultiModalArray(modalities),
        pd.DataFrame(flat, columns=names),
        pl.DataFrame(flat, schema=names),
        pd.concat({name: pd.DataFrame(array) for name, array in modalities.items()}, axis=1),
    ):
        assert_allclose(np.asarray(PerModality(StandardScaler()).fit_transform(X)), expected)
    for groups in ([4, 3], {"audio": slice(4), "video": [4, 5, 6]}):
        transformed = PerModality(StandardScaler(), modalities=groups).fit_transform(flat)
        assert_allclose(np.asarray(transformed), expected)


def test_one_table_without_modalities_gives_the_transformers_own_output(flat):
    transformed = PerModality(PCA(2)).fit_transform(flat)
    assert isinstance(transformed, np.ndarray)
    assert_allclose(transformed, PCA(2).fit_transform(flat))


def test_a_mapping_gives_each_modality_its_own_transformer(modalities):
    per_modality = PerModality({"video": PCA(2), "audio": StandardScaler()})
    transformed = per_modality.fit_transform(modalities)
    assert transformed.names == ("audio", "video")
    assert_allclose(transformed["audio"], StandardScaler().fit_transform(modalities["audio"]))
    assert_allclose(transformed["video"], PCA(2).fit_transform(modalities["video"]))


@pytest.mark.parametrize("transformer", [{"audio": StandardScaler()}, {"video": "passthrough"}, {}])
def test_what_the_mapping_leaves_out_passes_through_uncopied(modalities, transformer):
    fitted = PerModality(transformer).fit(modalities)
    assert fitted.transformers_["video"] == "passthrough"
    assert fitted.transform(modalities)["video"] is modalities["video"]


def test_a_mapping_names_a_lists_modalities_by_position(modalities):
    fitted = PerModality({"modality1": StandardScaler()}).fit(list(modalities.values()))
    assert fitted.transformers_["modality0"] == "passthrough"
    assert_allclose(fitted.transformers_["modality1"].mean_, modalities["video"].mean(axis=0))


def test_supervised_transformers_see_y(modalities, y):
    transformed = PerModality(SelectKBest(k=2)).fit_transform(modalities, y)
    for name, array in modalities.items():
        assert_array_equal(transformed[name], SelectKBest(k=2).fit_transform(array, y))


def test_fit_transform_uses_the_transformers_own(y):
    # TargetEncoder cross-fits in fit_transform, so that its codes do not give the label away.
    X = MultiModalArray({"genre": GENRE})
    encoder = TargetEncoder(cv=StratifiedKFold(3))
    expected = encoder.fit_transform(GENRE, y)
    per_modality = PerModality(encoder)
    assert_allclose(per_modality.fit_transform(X, y)["genre"], expected)
    assert not np.allclose(per_modality.transform(X)["genre"], expected)


def test_a_transformer_without_fit_transform_is_fitted_and_applied(modalities):
    class Doubling(BaseEstimator):
        def fit(self, X, y=None):
            self.fitted_ = True
            return self

        def transform(self, X):
            return 2 * X

    assert_array_equal(
        PerModality(Doubling()).fit_transform(modalities)["audio"], 2 * modalities["audio"]
    )


def test_higher_rank_keeps_its_shape_where_its_width_is_kept(modalities):
    image = modalities["audio"].reshape(-1, 2, 1, 2)
    X = {"image": image, "video": modalities["video"]}
    scaled = PerModality(StandardScaler()).fit_transform(X)
    assert scaled["image"].shape == image.shape
    flat = StandardScaler().fit_transform(modalities["audio"])
    assert_allclose(scaled["image"].reshape(-1, 4), flat)
    assert PerModality(PCA(3)).fit_transform(X)["image"].shape == (len(image), 3)


def test_missing_values_pass_through_and_are_imputed(modalities):
    gappy = modalities["video"].copy()
    gappy[3, 1] = np.nan
    X = {"audio": modalities["audio"], "video": gappy}
    assert np.isnan(PerModality({"audio": StandardScaler()}).fit_transform(X)["video"][3, 1])
    imputed = PerModality(SimpleImputer()).fit_transform(X)
    assert_allclose(imputed["video"][3, 1], np.nanmean(gappy[:, 1]))


def test_allow_nan_is_that_of_the_transformers():
    def allows(transformer):
        return PerModality(transformer).__sklearn_tags__().input_tags.allow_nan

    assert allows(StandardScaler())
    assert allows({"audio": StandardScaler(), "video": "passthrough"})
    assert not allows({"audio": StandardScaler(), "video": PCA()})


@pytest.mark.parametrize(
    ("transformer", "expected"),
    [
        (StandardScaler(), ["audio__x0", "audio__x1", "audio__x2", "audio__x3"]),
        ("passthrough", ["audio__x0", "audio__x1", "audio__x2", "audio__x3"]),
        ({}, ["audio__x0", "audio__x1", "audio__x2", "audio__x3"]),
        ({"audio": PCA(2)}, ["audio__pca0", "audio__pca1"]),
    ],
    ids=repr,
)
def test_names_out_tell_modality_and_feature(modalities, transformer, expected):
    fitted = PerModality(transformer).fit(modalities)
    names = fitted.get_feature_names_out()
    assert names.dtype == object
    assert list(names) == [*expected, "video__x0", "video__x1", "video__x2"]
    assert len(names) == fitted.transform(modalities).shape[1]


def test_names_out_take_the_input_s_names(modalities, y, flat):
    fitted = PerModality(SelectKBest(k=1)).fit(modalities, y)
    audio, video = fitted.get_feature_names_out(list("abcdefg"))
    assert audio in {f"audio__{c}" for c in "abcd"}
    assert video in {f"video__{c}" for c in "efg"}
    with pytest.raises(ValueError, match=r"number of features \(7\), got 2"):
        fitted.get_feature_names_out(["a", "b"])
    names = [f"audio__{c}" for c in "abcd"] + [f"video__{c}" for c in "xyz"]
    framed = PerModality({"audio": StandardScaler()}).fit(pd.DataFrame(flat, columns=names))
    assert list(framed.get_feature_names_out()) == names
    assert list(framed.get_feature_names_out(names)) == names
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        framed.get_feature_names_out(names[::-1])


def test_the_html_repr_shows_modalities_and_transformers(quick):
    per_modality = PerModality({"audio": StandardScaler(), "video": PCA(2)})
    for html in (per_modality._repr_html_(), make_pipeline(per_modality, quick())._repr_html_()):
        for text in ("<label>audio<", "<label>video<", "StandardScaler", "PCA", "PerModality"):
            assert text in html
    assert "<label>every modality<" in PerModality(StandardScaler())._repr_html_()


def test_a_pipeline_with_the_classifier_equals_its_steps(X, y, quick):
    model = make_pipeline(PerModality({"video": PCA(2)}), quick()).fit(X, y)
    scaled = PerModality({"video": PCA(2)}).fit_transform(X)
    expected = quick().fit(scaled, y).predict_proba(scaled)
    assert_array_equal(model.predict_proba(X), expected)
    assert model[-1].modality_names_ == ["audio", "video"]


def test_parameters_of_the_transformer_are_set_and_cloned():
    per_modality = PerModality(StandardScaler())
    per_modality.set_params(transformer__with_mean=False, modalities=[4, 3])
    copy = clone(per_modality)
    assert copy.transformer.with_mean is False
    assert copy.transformer is not per_modality.transformer
    assert copy.modalities == [4, 3]
    mapping = clone(PerModality({"audio": StandardScaler(with_std=False)}))
    assert mapping.transformer["audio"].with_std is False


def test_pickling_keeps_a_fitted_per_modality(modalities):
    fitted = PerModality(StandardScaler()).fit(modalities)
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(
        np.asarray(again.transform(modalities)), np.asarray(fitted.transform(modalities))
    )


def test_an_unfitted_per_modality_says_so(modalities):
    for method in ("transform", "get_feature_names_out"):
        with pytest.raises(NotFittedError):
            getattr(PerModality(StandardScaler()), method)(modalities)


class Refusing(TransformerMixin, BaseEstimator):
    """Refuses three columns, at fit or at transform."""

    def __init__(self, at="fit"):
        self.at = at

    def fit(self, X, y=None):
        return self._refuse(X, "fit")

    def transform(self, X):
        self._refuse(X, "transform")
        return X

    def _refuse(self, X, at):
        if at == self.at and X.shape[1] == 3:
            raise ValueError("three columns")
        return self


@pytest.mark.parametrize(
    ("transformer", "error", "message"),
    [
        (Refusing("fit"), ValueError, "modality 'video': three columns"),
        (SelectKBest(k=1), ValueError, "modality 'audio': .* requires y"),
        (PCA(4), ValueError, "modality 'video': n_components=4"),
        (None, TypeError, "of modality 'audio' needs fit and transform, got None"),
        ("drop", TypeError, "of modality 'audio' needs fit and transform, got 'drop'"),
        ({"video": 3}, TypeError, "of modality 'video' needs fit and transform, got 3"),
        ([StandardScaler()], TypeError, "of modality 'audio' needs .* got .StandardScaler"),
        (StandardScaler, TypeError, "modality 'audio': .* instance of scikit-learn estimator"),
        ({"smell": PCA()}, ValueError, "given for 'smell', but X has 'audio', 'video'"),
        ({1: PCA()}, ValueError, "given for '1', but X has 'audio', 'video'"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_a_failed_fit_names_the_modality_and_leaves_nothing(
    modalities, transformer, error, message, method
):
    per_modality = PerModality(transformer)
    before = dict(vars(per_modality))
    with pytest.raises(error, match=message):
        getattr(per_modality, method)(modalities)
    assert vars(per_modality) == before


def test_a_failed_refit_leaves_the_earlier_fit(modalities):
    per_modality = PerModality(StandardScaler()).fit(modalities)
    expected = np.asarray(per_modality.transform(modalities))
    before = dict(vars(per_modality))
    with pytest.raises(ValueError, match="modality 'smell'"):
        per_modality.fit({"smell": np.full((5, 2), "sweet")})
    assert vars(per_modality) == before
    assert_array_equal(np.asarray(per_modality.transform(modalities)), expected)


def test_a_failed_transform_names_the_modality(modalities):
    per_modality = PerModality(Refusing("transform")).fit(modalities)
    with pytest.raises(ValueError, match="modality 'video': three columns"):
        per_modality.transform(modalities)
    with pytest.raises(ValueError, match="modality 'video': three columns"):
        PerModality(Refusing("transform")).fit_transform(modalities)


def test_a_transformer_that_loses_rows_or_columns_is_an_error_that_names_the_modality(modalities):
    first_column = PerModality({"video": FunctionTransformer(lambda X: X[:, 0])})
    with pytest.raises(ValueError, match="'video' needs rows and columns"):
        first_column.fit_transform(modalities)
    first_rows = PerModality({"video": FunctionTransformer(lambda X: X[:5])})
    with pytest.raises(ValueError, match="'video' has 5 rows, but modality 'audio' has 120"):
        first_rows.fit_transform(modalities)


def test_a_mapping_s_transformers_are_searched_by_their_modality(X, y, quick):
    per_modality = PerModality({"audio": PCA(1), "video": StandardScaler()})
    assert per_modality.get_params()["audio__n_components"] == 1
    pipeline = make_pipeline(per_modality, quick())
    grid = {"permodality__audio__n_components": [1, 3], "permodality__video": ["passthrough"]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    best = search.best_estimator_[0]
    assert best.transformers_["audio"].n_components in (1, 3)
    assert best.transformers_["video"] == "passthrough"
    assert per_modality.transformer["audio"].n_components == 1
    cloned = clone(per_modality).set_params(audio__n_components=2)
    assert cloned.transformer["audio"].n_components == 2
    with pytest.raises(ValueError, match="Invalid parameter 'odor'"):
        cloned.set_params(odor__n_components=2)
