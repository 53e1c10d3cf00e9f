"""The APIs of vendors, each as its keys open it. One pool of connections a process."""

from typing import assert_never

from urllib3 import PoolManager

from perennial.aws.api_keys import ApiKey, BigCommerceKey, WooCommerceKey
from perennial.aws.wiring import once
from perennial.vendor_api import Api, VendorApi, basic


def api(key: ApiKey) -> Api:
    pool = once("vendor_pool", lambda: PoolManager(cert_reqs="CERT_REQUIRED"))
    match key:
        case WooCommerceKey():
            root = f"{key.url.rstrip('/')}/wp-json/wc/v3"
            return VendorApi(pool, root, {"authorization": basic(key.key, key.secret)})
        case BigCommerceKey():
            root = f"https://api.bigcommerce.com/stores/{key.store_hash}"
            return VendorApi(pool, root, {"x-auth-token": key.token})
        case _:
            assert_never(key)
