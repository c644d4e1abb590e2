"""A cloud's page for a name without an ICP filing is told from every other answer."""

import pytest

from one_api_infra.checks.filing import cloud
from one_api_infra.checks.observation import Exchange

FOOTER = "<html><a href='https://beian.miit.gov.cn/'>京ICP备12345678号</a></html>"
OTHERS = [
    (200, {"server": "nginx"}, FOOTER),
    (301, {"server": "nginx", "location": "https://pay.site-example.com/"}, ""),
    (302, {"location": "https://pay.site-example.com/webblock"}, ""),
    (403, {"server": "nginx"}, "<html>403 Forbidden</html>"),
    (403, {"server": "cloudflare", "cf-mitigated": "challenge"}, "Just a moment..."),
    (403, {"server": "nginx"}, FOOTER),
    (404, {"server": "Beaver"}, ""),
    (0, {}, ""),
]


@pytest.mark.parametrize(("status", "headers", "body"), OTHERS)
def test_other_answers_are_nobodys_page(status: int, headers: dict[str, str], body: str) -> None:
    assert cloud(Exchange("GET", "http://x/", status, headers, body)) == ""


@pytest.mark.parametrize(
    ("status", "headers", "body", "name"),
    [
        (403, {"server": "Beaver"}, "", "Alibaba Cloud"),
        (403, {}, "<iframe src='http://batit.aliyun.com/alww.html?id=1'>", "Alibaba Cloud"),
        (403, {}, "<a href='https://www.aliyun.com/beian/beian-block'>", "Alibaba Cloud"),
        (302, {"location": "https://dnspod.qcloud.com/static/webblock.html?d=x"}, "",
         "Tencent Cloud"),
        (403, {}, "本网站尚未进行备案", "?"),
    ],
)  # fmt: skip
def test_pages_are_known(status: int, headers: dict[str, str], body: str, name: str) -> None:
    assert cloud(Exchange("GET", "http://x/", status, headers, body)) == name
