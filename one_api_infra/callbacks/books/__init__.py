"""One API's books, by the edition's name: those whose orders can be read."""

from collections.abc import Callable, Mapping

from one_api_infra.callbacks.books.books import Books
from one_api_infra.callbacks.books.new_api import NewApiBooks
from one_api_infra.callbacks.books.one_hub import OneHubBooks
from one_api_infra.editions.api import Api

BOOKS: Mapping[str, Callable[[Api, str], Books]] = {
    "one-hub": OneHubBooks,
    "new-api": NewApiBooks,
}
