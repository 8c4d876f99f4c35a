"""Names in Dart: valid, unique and no surprise, whatever features, labels and models are called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.dart.names import KEYWORDS, OBJECT, file_name, member_name, members, type_name, unique

MEMBER = re.compile(r"[a-z][A-Za-z0-9]*\Z")
TYPE = re.compile(r"[A-Z][A-Za-z0-9]*\Z")
FILE = re.compile(r"[a-z][a-z0-9_]*\Z")


@pytest.mark.parametrize(
    ("text", "member", "kind", "file"),
    [
        ("body mass index", "bodyMassIndex", "BodyMassIndex", "body_mass_index"),
        ("LDL cholesterol", "ldlCholesterol", "LdlCholesterol", "ldl_cholesterol"),
        ("alreadyCamel", "alreadyCamel", "AlreadyCamel", "alreadycamel"),
        ("Größe", "groesse", "Groesse", "groesse"),
        ("Übermüdung", "uebermuedung", "Uebermuedung", "uebermuedung"),
        ("naïve façade", "naiveFacade", "NaiveFacade", "naive_facade"),
        ("cholesterol / HDL", "cholesterolHdl", "CholesterolHdl", "cholesterol_hdl"),
        ("humidity %", "humidityPercent", "HumidityPercent", "humidity_percent"),
        ("driver's age", "driversAge", "DriversAge", "drivers_age"),
        ("5G signal", "x5gSignal", "x5gSignal", "x_5g_signal"),
        ("🚗 speed", "speed", "Speed", "speed"),
        ("速度", "x", "x", "x"),
        ("", "x", "x", "x"),
        ("__a__", "a", "A", "a"),
        ("m²", "m2", "M2", "m2"),
    ],
)
def test_spelling(text: str, member: str, kind: str, file: str) -> None:
    assert (member_name(text, "x"), type_name(text, "x"), file_name(text, "x")) == (member, kind, file)


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        pytest.param(["class", "Class"], ["classValue", "class2"], id="a keyword, twice"),
        pytest.param(["speed", "Speed", "speed!"], ["speed", "speed2", "speed3"], id="alike after cleaning"),
        pytest.param(["a 2", "a", "a"], ["a2", "a", "a3"], id="the number that would be added is taken"),
        pytest.param(["hashCode", "toString"], ["hashCodeValue", "toStringValue"], id="what every object has"),
        pytest.param(["😀", "🚗"], ["f1", "f2"], id="nothing to spell"),
        pytest.param(["values"], ["values2"], id="a member of the class itself"),
        pytest.param(["int", "double"], ["intValue", "doubleValue"], id="types that members have"),
    ],
)
def test_members(texts: list[str], names: list[str]) -> None:
    assert members(texts, "f", ("values",)) == names


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text(max_size=50) | st.sampled_from(sorted(KEYWORDS | OBJECT)) | st.sampled_from(["a", "A", "a2", "é"]))
)
def test_members_are_always_valid_and_unique(texts: list[str]) -> None:
    names = members(texts, "feature", ("values",))
    assert len(names) == len(set(names)) == len(texts)
    assert all(MEMBER.match(name) for name in names)
    assert not set(names) & (KEYWORDS | OBJECT | {"values"})
    assert names == members(texts, "feature", ("values",))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_types_and_files_are_always_valid(text: str) -> None:
    assert TYPE.match(type_name(text, "Feature"))
    assert FILE.match(file_name(text, "feature"))
    assert unique(type_name(text, "Feature"), ()) not in KEYWORDS
