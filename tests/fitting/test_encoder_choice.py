"""Each modality is read by an encoder that suits its shape, or by the one that the user gives."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray
from skbetafd.baselines import FusionClassifier
from skbetafd.nn.encoders import Encoder, Encoding, LinearEncoder, make_encoder
from skbetafd.nn.features import channels_last

N = 120
LABEL = np.arange(N) % 3


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(name="X")
def pictures_and_table(rng):
    return {"picture": pictures(rng), "table": table(rng)}


def table(rng, label=LABEL):
    return rng.normal(size=(len(label), 5)) + 2 * np.eye(5)[label]


def pictures(rng, shape=(12, 12), label=LABEL):
    """A bright bar whose place, up to a shift, tells the label."""
    out = rng.normal(scale=0.3, size=(len(label), *shape))
    for row, k in zip(out, label, strict=True):
        at = int(rng.integers(3))
        row[..., 4 * k + at, :] += 2
    return out


def sequences(rng, label=LABEL, steps=15):
    """Sequences of 6 to 15 steps; the label is the direction in which channel 0 runs."""
    out = np.full((len(label), steps, 3), np.nan)
    for row, k in zip(out, label, strict=True):
        n = int(rng.integers(6, steps + 1))
        row[:n] = rng.normal(scale=0.3, size=(n, 3))
        row[:n, 0] += np.linspace(0, 2 * (k - 1), n)
    return out


def make(**parameters):
    small = {"max_epochs": 2, "hidden_dim": 8, "n_references": 8, "random_state": 0}
    small |= {"calibrate": False}
    return FrontDoorMultiModalClassifier(**(small | parameters))


def kinds(clf):
    return [encoding.kind for encoding in clf._encodings]


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((7,), "mlp"),
        ((1, 7), "mlp"),
        ((9, 1), "sequence"),
        ((9, 2), "sequence"),
        ((6, 6), "conv2d"),
        ((1, 6, 8), "conv2d"),
        ((3, 6, 6), "conv2d"),
        ((6, 8, 3), "conv2d"),
        ((2, 3, 4, 5), "mlp"),
    ],
)
def test_auto_chooses_by_the_shape_of_a_row(shape, kind, rng):
    X = {"table": table(rng), "other": rng.normal(size=(N, *shape))}
    clf = make(max_epochs=1).fit(X, LABEL)
    assert kinds(clf) == ["mlp", kind]
    assert np.isfinite(clf.predict_proba(X)).all()


def test_a_square_with_padding_is_a_sequence_and_one_with_missing_rows_a_picture(rng):
    square = rng.normal(size=(N, 6, 6))
    padded, missing = square.copy(), square.copy()
    padded[3, 4:] = np.nan
    missing[3] = np.nan
    for array, kind in ((padded, "sequence"), (missing, "conv2d")):
        assert kinds(make(max_epochs=1).fit([table(rng), array], LABEL)) == ["mlp", kind]


@pytest.mark.parametrize("encoder", ["auto", "mlp", "linear"])
def test_pictures_are_learned(encoder, rng):
    X = [pictures(rng), table(rng)]
    clf = make(max_epochs=40, hidden_dim=32, encoders=encoder, beta=0).fit(X, LABEL)
    test = [pictures(rng), rng.normal(size=(N, 5))]
    assert clf.set_params(beta=1).score([test[0], None], LABEL) > 0.55


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["sequence", "conv1d"])
def test_sequences_are_learned(encoder, rng):
    train, test = sequences(rng), sequences(rng)
    if encoder == "conv1d":
        train, test = np.nan_to_num(train), np.nan_to_num(test)
    X = {"sequence": train, "table": table(rng)}
    clf = make(max_epochs=80, hidden_dim=32, encoders={"sequence": encoder}).fit(X, LABEL)
    assert clf.score({"sequence": test, "table": None}, LABEL) > 0.8


def test_padding_makes_no_difference_however_long(rng):
    short = sequences(rng)
    X = {"sequence": short, "table": table(rng)}
    clf = make().fit(X, LABEL)
    encoder, scaler = clf._code_encoders()["sequence"][0]
    assert isinstance(encoder, Encoder)
    values = torch.tensor(scaler.transform(short.reshape(N, -1)), dtype=torch.float32)
    codes = encoder(values)
    for i in range(5):
        n = int((~np.isnan(short[i, :, 0])).sum())
        encoder.features.shape = (n, 3)
        alone = encoder(values[i : i + 1, : 3 * n])
        encoder.features.shape = (15, 3)
        torch.testing.assert_close(alone[0], codes[i])


def test_sequences_may_be_shorter_at_prediction_but_not_longer(rng):
    X = {"sequence": sequences(rng), "table": table(rng)}
    clf = make().fit(X, LABEL)
    short = np.flatnonzero(np.isnan(X["sequence"][:, 10:]).all(axis=(1, 2)))
    rows = {"sequence": X["sequence"][short, :10], "table": X["table"][short]}
    np.testing.assert_array_equal(
        clf.predict_proba(rows), clf.predict_proba({m: x[short] for m, x in X.items()})
    )
    rows["sequence"] = np.zeros((len(short), 16, 3))
    with pytest.raises(ValueError, match=r"'sequence' has rows of shape \(16, 3\).*\(15, 3\)"):
        clf.predict(rows)


def test_steps_of_nan_in_the_middle_of_a_sequence_are_refused_by_name(rng):
    X = {"sequence": sequences(rng), "table": table(rng)}
    X["sequence"][7, 2, :] = np.nan
    words = "'sequence' contains NaN at row 7, step 2, channel 0; .*steps at the end of a sequence"
    with pytest.raises(ValueError, match=words):
        make().fit(X, LABEL)
    X["sequence"][7, 2, :] = 0
    X["sequence"][7, 3, 1] = np.nan
    with pytest.raises(ValueError, match="row 7, step 3, channel 1"):
        make().fit(X, LABEL)


def test_padding_at_prediction_is_refused_where_fit_saw_a_picture(rng):
    X = {"picture": rng.normal(size=(N, 6, 6)), "table": table(rng)}
    clf = make().fit(X, LABEL)
    X["picture"][4, 5:] = np.nan
    with pytest.raises(ValueError, match=r"'picture' contains NaN at row 4, entry \[5, 0\]"):
        clf.predict(X)


def test_missing_sequences_and_pictures_predict_and_are_trained_without(rng):
    X = {"sequence": sequences(rng), "picture": pictures(rng), "table": table(rng)}
    X["sequence"][::7] = np.nan
    X["picture"][::5] = np.nan
    clf = make(max_epochs=3).fit(X, LABEL)
    assert kinds(clf) == ["sequence", "conv2d", "mlp"]
    whole = clf.beta_path(X, [0, 1])
    assert np.isfinite(whole).all()
    none = clf.predict_proba(
        {"sequence": None, "picture": X["picture"][:4], "table": X["table"][:4]}
    )
    nan = {"sequence": np.full((4, 15, 3), np.nan), **{k: X[k][:4] for k in ("picture", "table")}}
    np.testing.assert_array_equal(none, clf.predict_proba(nan))


def test_a_few_colours_in_the_last_axis_are_channels():
    assert channels_last((32, 32, 3)) and channels_last((20, 30, 1))
    assert not channels_last((3, 32, 32)) and not channels_last((1, 28, 28))
    generator = torch.Generator().manual_seed(0)
    first = make_encoder(Encoding("conv2d", (3, 9, 9)), 8, 4, generator)
    generator = torch.Generator().manual_seed(0)
    last = make_encoder(Encoding("conv2d", (9, 9, 3)), 8, 4, generator)
    rows = torch.randn(5, 3, 9, 9)
    moved = rows.movedim(1, -1).reshape(5, -1)
    torch.testing.assert_close(first(rows.reshape(5, -1)), last(moved))


def test_a_linear_encoder_has_no_hidden_layer(rng):
    X = {"audio": table(rng), "video": table(rng)}
    clf = make(encoders="linear").fit(X, LABEL)
    assert isinstance(clf.module_.knowledge, LinearEncoder)
    codes = clf.modality_codes(MultiModalArray(X))["audio"]
    total = clf.modality_codes({m: x + 1 for m, x in X.items()})["audio"]
    other = clf.modality_codes({m: x + 2 for m, x in X.items()})["audio"]
    np.testing.assert_allclose(other - total, total - codes, atol=1e-5)


@pytest.mark.parametrize("stride", [3, 8])
def test_convolutions_see_every_pixel(stride):
    generator = torch.Generator().manual_seed(0)
    encoder = make_encoder(Encoding("conv2d", (1, 8 * stride, 2 * stride)), 64, 8, generator)
    x = torch.zeros(1, 16 * stride**2, requires_grad=True)
    (encoder(x) * torch.randn(8, generator=generator)).sum().backward()
    assert (x.grad != 0).float().mean() > 0.9


class Halves(nn.Module):
    """Reads pictures (n, 12, 12) in their own shape."""

    def __init__(self):
        super().__init__()
        self.read = nn.Linear(12, 4)
        self.norm = nn.BatchNorm1d(12)

    def forward(self, x):
        assert x.shape[1:] == (12, 12) and x.is_floating_point()
        return torch.relu(self.norm(self.read(x)))


@pytest.fixture
def module():
    torch.manual_seed(0)
    return Halves()


def test_a_module_of_the_user_s_is_copied_and_trained(module, X):
    before = {name: value.clone() for name, value in module.state_dict().items()}
    clf = make(encoders={"picture": module}, max_epochs=3, predominant="picture").fit(X, LABEL)
    for name, value in module.state_dict().items():
        torch.testing.assert_close(value, before[name])
    own = [m for m in clf.module_.modules() if isinstance(m, Halves)]
    assert len(own) == 3  # of the knowledge, of the context, of the network for missing modalities
    assert all((m.read.weight != before["read.weight"]).any() for m in own)
    np.testing.assert_allclose(
        clf.predict_proba(X)[:7], clf.predict_proba({k: v[:7] for k, v in X.items()}), atol=1e-6
    )


def test_a_frozen_module_makes_features_once_and_stays_as_it_is(module, X):
    module.requires_grad_(False)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    X["picture"][3] = np.nan
    clf = make(encoders={"picture": module}, max_epochs=3).fit(X, LABEL)
    assert not any(isinstance(m, Halves) for m in clf.module_.modules())
    frozen = clf._scalers[0].module.module
    for name, value in frozen.state_dict().items():
        torch.testing.assert_close(value, before[name])
    with torch.no_grad():
        features = module.eval()(torch.tensor(X["picture"][:3], dtype=torch.float32)).flatten(1)
    given = {
        "picture": np.delete(X["picture"], 3, axis=0),
        "table": np.delete(X["table"], 3, axis=0),
    }
    assert clf._scalers[0].n_features == features.shape[1] == 48
    assert np.isfinite(clf.predict_proba(given)).all()


def test_a_module_with_a_rate_of_its_own_moves_as_much_as_that_says(module, X):

    def moved(rate):
        clf = make(encoders={"picture": module}, encoder_learning_rate=rate).fit(X, LABEL)
        own = next(m for m in clf.module_.modules() if isinstance(m, Halves))
        return float((own.read.weight - module.read.weight).detach().abs().max())

    assert moved(1e-7) < 1e-5 < moved({"picture": 1e-2}) and moved(None) > 1e-4
    assert moved(3e-3) == moved(None)


def test_what_makes_a_module_is_called_for_each_code_and_leaves_the_generators_alone(X):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = make(encoders={"picture": Halves}).fit(X, LABEL)
    torch.testing.assert_close(torch.rand(3), expected)
    second = make(encoders={"picture": Halves}).fit(X, LABEL)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    weights = [m.read.weight for m in first.module_.modules() if isinstance(m, Halves)]
    assert (weights[0] != weights[1]).any()


def test_what_makes_a_module_is_called_once_more_than_the_network_has_copies(X):
    made = []

    def factory():
        made.append(Halves())
        return made[-1]

    clf = make(encoders={"picture": factory}, warm_start=True).fit(X, LABEL)
    n_copies = sum(isinstance(module, Halves) for module in clf.module_.modules())
    assert len(made) == 1 + n_copies
    clf.fit(X, LABEL)
    assert len(made) == 2 * (1 + n_copies)


def test_dropout_inside_a_module_is_drawn_from_the_random_state(X, rng):
    factory = partial(nn.Sequential, nn.Flatten(), nn.Dropout(0.5), nn.Linear(144, 4))
    torch.manual_seed(1)
    first = make(encoders={"picture": factory}).fit(X, LABEL)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = make(encoders={"picture": factory}).fit(X, LABEL)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    torch.testing.assert_close(torch.get_rng_state(), state)


def test_baselines_read_pictures_and_sequences_by_the_same_encoders(rng):
    X = {"picture": pictures(rng), "sequence": sequences(rng)}
    clf = FusionClassifier(max_epochs=30, hidden_dim=16, random_state=0).fit(X, LABEL)
    assert kinds(clf) == ["conv2d", "sequence"]
    assert clf.score(X, LABEL) > 0.9


def test_a_frozen_module_of_half_precision_may_return_single(X):
    class Backbone(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(5, 3).bfloat16().requires_grad_(False)

        def forward(self, x):
            return self.net(x.bfloat16()).float()

    assert len(make(encoders={"table": Backbone()}).fit(X, LABEL).predict(X)) == len(LABEL)


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16, torch.int32])
def test_a_module_in_training_may_return_another_precision(kind, X):
    class Backbone(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.net = nn.Linear(5, 3)

        def forward(self, x):
            return (8 * self.net(x)).to(kind)

    module = Backbone()
    clf = make(encoders={"table": module}, predominant="table").fit(X, LABEL)
    assert len(clf.predict(X)) == len(LABEL)
    own = next(m for m in clf.module_.modules() if isinstance(m, Backbone))
    trained = (own.net.weight != module.net.weight).any()
    assert trained == kind.is_floating_point, "integers have no gradient"


class Returning(nn.Module):
    """Returns what a network of other precision or on another device would, or no column."""

    def __init__(self, kind=None):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        return x[:, :0] if self.kind is None else x.to(self.kind)


@pytest.mark.parametrize(
    ("encoders", "error", "words"),
    [
        ("cnn", ValueError, "modality 'picture' can be read by 'auto', 'linear', .*got 'cnn'"),
        ({"image": "mlp"}, ValueError, "encoders names 'image', but the modalities are 'picture'"),
        ({"picture": 3}, TypeError, r"encoders\['picture'\] must be a kind, .*got 3"),
        (
            {"table": "conv2d"},
            ValueError,
            r"'conv2d' can't read modality 'table', whose rows .*\(5,\)",
        ),
        ({"table": "sequence"}, ValueError, "'sequence' can't read modality 'table'"),
        ("conv1d", ValueError, "'conv1d' can't read modality 'table'"),
        ({"picture": nn.Linear(5, 2)}, ValueError, "encoders: the module of modality 'picture'"),
        ({"picture": lambda: 3}, TypeError, "encoders: modality 'picture' got 3 from"),
        ({"table": lambda width: nn.Linear(width, 2)}, ValueError, "'table' got <.*no module when"),
        ({"table": Returning(torch.cfloat)}, ValueError, "'table' .* returned torch.complex64"),
        ({"table": Returning("meta")}, ValueError, "'table' .* returned torch.float32 on meta"),
        ({"table": nn.Linear(5, 2, device="meta")}, ValueError, "'table' .* weights are on .*meta"),
        ({"table": Returning()}, ValueError, "'table' .* it returned no feature"),
    ],
)
def test_an_encoder_that_can_t_read_a_modality_is_refused_by_name(encoders, error, words, X):
    with pytest.raises(error, match=words):
        make(encoders=encoders).fit(X, LABEL)


@pytest.mark.parametrize(
    "rate", [{"image": 1.0}, {"picture": 0}, {"picture": "fast"}, {"table": 1e-4}]
)
def test_a_rate_that_is_none_or_for_no_module_is_refused_by_name(rate, module, X):
    with pytest.raises(ValueError, match=rf"encoder_learning_rate.*{next(iter(rate))}"):
        make(encoders={"picture": module}, encoder_learning_rate=rate).fit(X, LABEL)


def test_padding_is_told_what_reads_it(rng):
    X = {"sequence": sequences(rng), "table": table(rng)}
    for encoder in ("mlp", "linear", "conv1d"):
        with pytest.raises(ValueError, match="'sequence' contains NaN at row 0"):
            make(encoders={"sequence": encoder}).fit(X, LABEL)
    ragged = [row[~np.isnan(row[:, 0])] for row in X["sequence"]]
    for value in (ragged, np.array(ragged, dtype=object)):
        with pytest.raises(ValueError, match=r"'sequence' .*pad sequences of unequal length"):
            make().fit({"sequence": value, "table": X["table"]}, LABEL)


def test_encoders_are_named_by_position_too(rng):
    X = [pictures(rng), table(rng)]
    assert kinds(make(encoders={0: "mlp"}).fit(X, LABEL)) == ["mlp", "mlp"]
    with pytest.raises(ValueError, match="encoders names 2, but the modalities are"):
        make(encoders={2: "mlp"}).fit(X, LABEL)


@pytest.mark.parametrize("encoder", ["sequence", "module"])
def test_many_complete_rows_beside_one_that_lacks_a_modality_predict(encoder, rng):
    label = np.arange(600) % 3
    X = {"sequence": sequences(rng, label), "table": table(rng, label)}
    if encoder == "module":
        X["sequence"] = np.nan_to_num(X["sequence"])
    own = nn.Sequential(nn.Flatten(), nn.Linear(45, 4))
    encoders = {"sequence": own if encoder == "module" else "sequence"}
    clf = make(max_epochs=1, n_references=256, encoders=encoders).fit(X, label)
    X["table"] = np.where(np.arange(600)[:, None] == 0, np.nan, X["table"])
    np.testing.assert_allclose(
        clf.predict_proba(X)[:9], clf.predict_proba({m: x[:9] for m, x in X.items()}), atol=1e-6
    )


class Broken(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how = how

    def forward(self, x):
        if self.how == "NaN":
            return torch.log(x.flatten(1))
        return x.flatten(1).mean(0, keepdim=True)


def test_a_frozen_module_whose_features_are_not_finite_is_refused(X):
    with pytest.raises(ValueError, match=r"frozen Broken are not finite at row 0"):
        make(encoders={"picture": Broken("NaN")}).fit(X, LABEL)
    with pytest.raises(ValueError, match=r"modality 'picture'.*returned 1 rows for 2"):
        make(encoders={"picture": Broken("mean")}).fit(X, LABEL)


def test_a_module_may_change_its_rows_in_place(X):
    class Shift(nn.Module):
        def __init__(self):
            super().__init__()
            self.read = nn.Linear(144, 4)

        def forward(self, x):
            x -= 1
            return self.read(x.flatten(1))

    clf = make(encoders={"picture": Shift()}).fit(X, LABEL)
    np.testing.assert_array_equal(clf.predict_proba(X), clf.predict_proba(X))
