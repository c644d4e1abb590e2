"""Which order nginx takes a callback for, where callbacks of one order wait for each other."""

import re
from urllib.parse import unquote_plus, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.desired.test_nginx import TRIXIE, look, parts
from tests.unit.examples import certificate

MAP = re.compile(r'map \$args \$one_api_order \{\s+"~(.+)" \$one_api_number;')
NONE = re.compile(r'"~(\^:\(.+)" 0;')
SPELLINGS = ("out_trade_no", "out%5Ftrade_no", "OUT_TRADE_NO", "a", "", "out_trade_no ", "b%3D")
VALUES = ("N1", "N2", "N%31", "N1;b", "", "N1%26", "%", "N1+", "x" * 70)
pairs = st.tuples(st.sampled_from(SPELLINGS), st.sampled_from(["=", ""]), st.sampled_from(VALUES))
queries = st.lists(pairs, max_size=5).map(lambda found: "&".join(map("".join, found)))


def pattern(line: re.Pattern[str]) -> re.Pattern[str]:
    made = parts(look(TRIXIE, certificate()), edition="done-hub")
    found = line.search(made["http.conf"])
    assert found
    return re.compile(found[1].replace("(?<one_api_number>", "(?P<number>"))


NUMBER, NO_NUMBER = pattern(MAP), pattern(NONE)


def read_by_one_api(query: str) -> str:
    """Go's url.ParseQuery and Get: a pair that it cannot read is left out, the first one counts."""
    for pair in query.split("&"):
        name, _sign, value = pair.partition("=")
        is_readable = ";" not in pair and not re.search("%(?![0-9A-Fa-f]{2})", pair)
        if pair and is_readable and unquote_plus(name) == "out_trade_no":
            return unquote_plus(value)
    return ""


@given(queries)
@example("out%5Ftrade_no=N1&out_trade_no=N2")
@example("out_trade_no=N1;&out_trade_no=N2")
@example("&out_trade_no=N1")
def test_nginx_and_one_api_read_the_same_order(query: str) -> None:
    if found := NUMBER.search(query):
        assert found["number"] == read_by_one_api(query)
    elif NO_NUMBER.search(f":{query}"):
        assert not read_by_one_api(query)


@pytest.mark.parametrize("name", ["商品", "a b&c=d", "100%"])
def test_what_gateways_send_is_read(name: str) -> None:
    fields = {"pid": "1001", "name": name, "money": "1.00", "out_trade_no": "1764400000000000000"}
    found = NUMBER.search(urlencode(fields))
    assert found
    assert found["number"] == "1764400000000000000"


def test_a_query_of_four_kilobytes_is_read_at_once() -> None:
    assert not NUMBER.search("a=&" * 1300 + "b")
    assert not NO_NUMBER.search(":" + "a=&" * 1300 + "b")
    assert NO_NUMBER.search(":" + "a=&" * 1300)


@pytest.mark.parametrize("query", ["", "probe=1", "from=x&y="])
def test_what_names_no_order_passes(query: str) -> None:
    assert NO_NUMBER.search(f":{query}")


def test_only_where_they_have_to_wait() -> None:
    made = parts(look(TRIXIE, certificate()), edition="one-hub")
    assert not any("one_api_order" in text for text in made.values())
    done_hub = parts(look(TRIXIE, certificate()), edition="done-hub")
    assert done_hub["callbacks.conf"].count("limit_conn one_api_order_now 1;") == 2
    assert done_hub["site.conf"].count("limit_conn one_api_order_now 1;") == 2
    # Before the order's, whose zone a stranger could fill; what is sent again comes from nobody.
    now = "limit_conn one_api_callback_now 64;"
    assert done_hub["callbacks.conf"].count(now) == 2
    assert done_hub["callbacks.conf"].index(now) < done_hub["callbacks.conf"].index(
        "one_api_order_now"
    )
    assert now not in done_hub["site.conf"]
    assert "listen 127.0.0.1:8413;" in done_hub["site.conf"]
