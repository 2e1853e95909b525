"""The second network as it is: in integers it says what it says in floating-point numbers."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from tasks.redaction import find_personal_data
from tasks.redaction.ner import integers, transformer
from tasks.redaction.ner.integers import QUANTISED_PRODUCT, in_integers
from tasks.redaction.ner.transformer import TransformerNames

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, (transformer.PACKAGE, "onnx", "onnxruntime", "tokenizers"))),
    reason="configs/careful.lock is not installed here",
)

TEXTS = [
    "Please send it to Tjalling Więckowskiego, Stubengraben 14, 1170 Wien.",
    "The order was shipped yesterday and nothing else is open.",
    "my name is nina delmas and i live in hirvli, kuusiku 7",
    "Ask Ottoline Farquharson-Bligh about the keys to 12 Elm Street, Springfield, IL 62704.",
    "x",
    "",
    "Dear Mr. Oyelaran, we have not heard from you. " * 30,
]


@pytest.fixture(scope="module")
def network() -> bytes:
    return transformer._read_network(transformer._folder())


@pytest.fixture(scope="module")
def names() -> TransformerNames:
    return TransformerNames()


def test_no_product_of_floating_point_numbers_is_left(network: bytes) -> None:
    import onnx
    from onnx import numpy_helper

    before = [node.op_type for node in onnx.load_model_from_string(network).graph.node]
    graph = onnx.load_model_from_string(in_integers(network)).graph
    after = [node.op_type for node in graph.node]
    assert before.count(QUANTISED_PRODUCT) == after.count("MatMulInteger") == 37
    assert QUANTISED_PRODUCT not in after
    used = {name for node in graph.node for name in node.input}
    assert {item.name for item in graph.initializer} <= used  # no weights of four bits are left
    weights = [item for item in graph.initializer if item.name.endswith(".weights")]
    most = max(np.abs(numpy_helper.to_array(item).astype(int)).max() for item in weights)
    assert most == 63  # seven bits: two products fit into sixteen


def test_what_it_says_is_near_to_what_the_file_says(
    network: bytes, names: TransformerNames
) -> None:
    import onnxruntime

    options = {"providers": ["CPUExecutionProvider"]}
    exact = onnxruntime.InferenceSession(network, **options)
    ids = np.array([names._tokenizer.encode(TEXTS[0]).ids], dtype=np.int64)
    feed = {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids),
        "token_type_ids": np.zeros_like(ids),
    }
    (as_filed, *_) = exact.run(None, feed)
    (ours, *_) = names._session.run(None, feed)
    assert (as_filed.argmax(axis=-1) == ours.argmax(axis=-1)).all()
    assert not np.array_equal(as_filed, ours)  # else nothing was rewritten
    assert np.abs(as_filed - ours).max() < 1.5


def test_what_is_found_does_not_depend_on_the_texts_beside_it(names: TransformerNames) -> None:
    together = names.find(TEXTS)
    assert together == [names.find([text])[0] for text in TEXTS]
    assert together[::-1] == names.find(TEXTS[::-1])
    assert [label for *_, label in together[0]] == ["PERSON", "LOC", "LOC"]
    assert together[1] == []


def test_weights_that_are_stored_otherwise_are_not_guessed(network: bytes) -> None:
    import onnx

    model = onnx.load_model_from_string(network)
    product: Any = next(node for node in model.graph.node if node.op_type == QUANTISED_PRODUCT)
    for attribute in product.attribute:
        if attribute.name == "bits":
            attribute.i = 8
    with pytest.raises(ValueError, match=integers.QUANTISED_PRODUCT):
        in_integers(model.SerializeToString())


def test_careful_finds_what_fast_does_not_and_all_that_fast_finds() -> None:
    text = TEXTS[0]
    fast, careful = (find_personal_data([text], mode=mode)[0] for mode in ("fast", "careful"))
    inside = {index for span in careful for index in range(span.start, span.end)}
    assert {index for span in fast for index in range(span.start, span.end)} <= inside
    assert text.index("Stubengraben") in inside


def test_careful_masks_the_same_whatever_stands_beside() -> None:
    together = find_personal_data(TEXTS, mode="careful")
    assert together == [find_personal_data([text], mode="careful")[0] for text in TEXTS]
