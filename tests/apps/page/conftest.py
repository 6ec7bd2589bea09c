"""A browser for all tests of the page, with a camera and a microphone that give test signals."""

import pytest

from tests.chromium import DESKTOP, chromium, resize

MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Headless Chromium at the size of a desktop."""
    with chromium(tmp_path_factory.mktemp("profile"), *MICROPHONE) as driver:
        resize(driver, DESKTOP)
        yield driver
