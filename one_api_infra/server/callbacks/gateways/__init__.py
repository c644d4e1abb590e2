"""The kinds of payment gateways, by the name that One API's payment rows use."""

from one_api_infra.server.callbacks.gateways.alipay import Alipay
from one_api_infra.server.callbacks.gateways.creem import Creem
from one_api_infra.server.callbacks.gateways.epay import Epay
from one_api_infra.server.callbacks.gateways.gateway import Gateway
from one_api_infra.server.callbacks.gateways.stripe import Stripe
from one_api_infra.server.callbacks.gateways.waffo import Waffo
from one_api_infra.server.callbacks.gateways.wxpay import Wxpay

GATEWAYS: dict[str, Gateway] = {
    each.kind: each for each in (Epay(), Alipay(), Wxpay(), Stripe(), Creem(), Waffo())
}
