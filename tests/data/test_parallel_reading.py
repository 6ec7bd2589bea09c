"""Threads that read give what one gives, in order and in bounded memory."""

import threading
import time

import numpy as np
import pytest
from PIL import Image

from interlace.data.images import decode_image
from interlace.data.parallel_reading import BUFFERED, TIMED_ITEMS, read_in_order
from interlace.data.problems import BadExample
from interlace.data.remarks import collect_remarks, remark, remark_lines

THREADS = [1, 2, 5]


@pytest.fixture(params=THREADS)
def threads(request, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("interlace.data.parallel_reading.threads_of_each", lambda processes: request.param)
    return request.param


def test_results_and_bad_examples_come_in_order(threads: int) -> None:
    names = set()

    def read(number: int) -> int:
        names.add(threading.current_thread().name)
        time.sleep(0.002 * (3 - number % 3))
        if number % 7 == 3:
            raise BadExample("odd", f"number {number}")
        remark("it is even" if number % 2 == 0 else "it is odd", f"file {number:02}")
        return number * number

    with collect_remarks() as remarks:
        found = list(read_in_order(read, range(40)))
    for number, result in enumerate(found):
        if number % 7 == 3:
            assert isinstance(result, BadExample)
            assert result.detail == f"number {number}"
        else:
            assert result == number * number
    assert len(remark_lines(remarks)) == 2
    assert sum(len(each) for each in remarks.values()) == 40 - 6
    assert len(names) == (1 if threads == 1 else threads + 1), "of one thread, none is started"


def test_what_is_read_soon_is_read_without_threads(threads: int) -> None:
    names = set()
    list(read_in_order(lambda _: names.add(threading.current_thread().name), range(500)))
    assert names == {threading.current_thread().name}


def test_few_results_wait_to_be_taken(threads: int) -> None:
    started = []

    def read(number: int) -> int:
        started.append(number)
        time.sleep(0.001)
        return number

    for taken, _ in enumerate(read_in_order(read, range(150)), start=1):
        time.sleep(0.001)
        assert len(started) <= max(taken, TIMED_ITEMS) + BUFFERED * threads


def test_other_errors_end_the_reading(threads: int) -> None:
    read_on = []

    def read(number: int) -> int:
        time.sleep(0.001)
        read_on.append(number)
        if number == 20:
            raise ZeroDivisionError
        return number

    with pytest.raises(ZeroDivisionError):
        list(read_in_order(read, range(1000)))
    assert len(read_on) <= 21 + BUFFERED * threads


def test_who_stops_taking_stops_the_reading(threads: int) -> None:
    count = threading.active_count()
    taking = read_in_order(lambda _: time.sleep(0.001), range(1000))
    for _ in range(30):
        next(taking)
    taking.close()
    assert threading.active_count() == count


def test_filters_of_warnings_are_left_as_they_were(threads: int, tmp_path) -> None:
    import warnings

    for i in range(60):
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (90, 90, 3), dtype=np.uint8)).save(
            tmp_path / f"{i}.png"
        )
    before = list(warnings.filters)
    found = list(read_in_order(lambda i: decode_image(tmp_path / f"{i}.png", 32, 3, 10**6), range(60)))
    assert list(warnings.filters) == before
    for i in (0, 30, 59):
        assert np.array_equal(found[i], decode_image(tmp_path / f"{i}.png", 32, 3, 10**6))
