"""What stands in a dump, by the forms of Debian's pg_dump and mariadb-dump."""

import pytest

from one_api_infra.server import dump_file

POSTGRESQL = """\
--
-- PostgreSQL database dump
--
COPY public.users (id, username, quota, note) FROM stdin;
1\troot\t100\t\\N
2\tMüller; \\\\.\t-7\tCOPY public.users (id) FROM stdin;
\\.

COPY public.tokens (id, key) FROM stdin;
\\.

-- PostgreSQL database dump complete
"""
MARIADB = r"""
CREATE TABLE `users` (
INSERT INTO `users` (`id`, `username`, `quota`) VALUES (1,'ro\'ot, (x)',100);
INSERT INTO `users` (`id`, `username`, `quota`) VALUES (2,'a''b;INSERT INTO `x`',-7);
INSERT INTO `tokens` (`id`, `key`) VALUES (1,'k');
-- Dump completed on 2026-11-28 12:00:00
"""


@pytest.mark.parametrize(("text", "tokens"), [(POSTGRESQL, 0), (MARIADB, 1)])
def test_rows_are_counted(text: str, tokens: int) -> None:
    found = dump_file.read(text.splitlines(keepends=True))
    assert found.rows == {"users": 2, "tokens": tokens}
    assert found.quota == 93
    assert found.is_whole


@pytest.mark.parametrize("text", [POSTGRESQL, MARIADB])
def test_a_dump_that_was_cut_is_not_whole(text: str) -> None:
    assert not dump_file.read(text.splitlines(keepends=True)[:-1]).is_whole
