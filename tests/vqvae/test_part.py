"""Parts: dataclasses of tensors, settings and other parts that are torch modules."""

import copy
import json
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from spinlock.vqvae.part import Part


@dataclass(kw_only=True, eq=False, repr=False)
class Scale(Part):
    factor: Tensor
    name: str = "scale"

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


@dataclass(kw_only=True, eq=False, repr=False)
class Shift(Part):
    offset: Tensor
    sign: int = 1

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sign * self.offset


@dataclass(kw_only=True, eq=False, repr=False)
class Chain(Part):
    """One of everything that a part can be made of."""

    first: Scale | Shift
    rest: tuple[Scale, ...]
    tables: tuple[Tensor, ...]
    last: Shift | None
    edges: Tensor
    share: float = 0.5
    note: str | None = None

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for place, part in enumerate(self.rest):
            x = part(x) + (place + 1) * self.tables[place]
        x = x if self.last is None else self.last(x)
        return self.share * x.clamp(max=float(self.edges.max()))


def numbers(*values):
    return torch.tensor(values)


def chain(**changes):
    """Twelve entries a tuple: their names are not in the order of the alphabet."""
    parts = {
        "first": Shift(offset=numbers(1.0, 2.0), sign=-1),
        "rest": tuple(Scale(factor=numbers(1.0 + place / 10), name=f"number {place}") for place in range(12)),
        "tables": tuple(numbers(float(place)) for place in range(12)),
        "last": None,
        "edges": torch.tensor([3, 900]),
    }
    return Chain(**{**parts, **changes})


CHAINS = {
    "a shift first": chain,
    "a scale first": lambda: chain(first=Scale(factor=numbers(2.0))),
    "a shift last": lambda: chain(last=Shift(offset=numbers(5.0)), share=0.25, note="with a note"),
}


@pytest.fixture(params=CHAINS)
def made(request):
    return CHAINS[request.param]()


X = torch.tensor([[0.3, -1.0], [2.0, 7.0]])


def through_json(part):
    return type(part).restored(dict(part.state_dict()), json.loads(json.dumps(part.settings())))


def test_state_and_settings_bring_a_part_back(made):
    again = through_json(made)
    assert torch.equal(again(X), made(X))
    assert again.settings() == made.settings()
    assert list(again.state_dict()) == list(made.state_dict())
    assert type(again.first) is type(made.first)
    assert (again.share, again.note) == (made.share, made.note)
    assert torch.equal(through_json(again)(X), made(X))


def test_settings_are_what_is_no_tensor_by_name_and_the_lengths_of_tuples(made):
    settings = made.settings()
    assert settings["part"] == "Chain"
    assert settings["rest"][3] == {"part": "Scale", "name": "number 3"}
    assert "edges" not in settings
    assert settings["tables"] == 12
    assert (settings["last"] is None) == (made.last is None)


def test_tensors_are_buffers_under_their_names():
    names = set(chain(last=Shift(offset=numbers(5.0))).state_dict())
    numbered = {name for place in range(12) for name in (f"rest.{place}.factor", f"tables.{place}")}
    assert names == {"first.offset", "last.offset", "edges", *numbered}
    assert not list(chain().parameters())


def test_tuples_keep_their_order_and_are_tuples(made):
    assert isinstance(made.rest, tuple)
    assert isinstance(made.tables, tuple)
    assert [part.name for part in through_json(made).rest] == [f"number {place}" for place in range(12)]
    assert [float(table) for table in through_json(made).tables] == list(range(12))


@pytest.mark.parametrize(
    "move", [lambda part: part.double(), lambda part: part.to(torch.float64)], ids=["double", "to"]
)
def test_moving_a_part_moves_every_tensor_in_it_and_leaves_whole_numbers(made, move):
    expected = made(X)
    moved = move(copy.deepcopy(made))
    kinds = {name: tensor.dtype for name, tensor in moved.state_dict().items()}
    assert kinds.pop("edges") == torch.int64
    assert set(kinds.values()) == {torch.float64}
    assert {moved.tables[4].dtype, moved.rest[4].factor.dtype, moved.first.state_dict().popitem()[1].dtype} == {
        torch.float64
    }
    torch.testing.assert_close(moved(X), expected.double(), atol=1e-5, rtol=1e-6)
    assert made(X).dtype == torch.float32  # the copy moved, not what it was copied from


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_part_on_a_gpu_has_all_its_tensors_there(made):
    moved = copy.deepcopy(made).to("cuda")
    assert all(tensor.is_cuda for tensor in moved.state_dict().values())
    torch.testing.assert_close(moved(X.to("cuda")).cpu(), made(X))


def test_replacing_a_value_makes_another_part_and_leaves_the_first(made):
    before = made(X)
    other = replace(made, share=1.0, last=Shift(offset=numbers(7.0)), tables=(numbers(0.0),) * 12)
    assert torch.equal(made(X), before)
    assert (other.share, float(other.last.offset)) == (1.0, 7.0)
    assert not torch.equal(other(X), before)
    assert torch.equal(replace(made)(X), before)
    assert torch.equal(through_json(other)(X), other(X))


def test_a_value_that_is_set_anew_is_the_one_that_is_kept(made):
    made.share = 2.0
    made.edges = torch.tensor([3, 4])
    made.tables = tuple(numbers(1.0) for _ in range(12))
    again = through_json(made)
    assert again.share == 2.0
    assert again.edges.tolist() == [3, 4]
    assert [float(table) for table in again.tables] == [1.0] * 12


def test_load_state_dict_takes_the_tensors_of_another(made):
    other = copy.deepcopy(made)
    other.load_state_dict({name: tensor + 1 for name, tensor in made.state_dict().items()})
    assert torch.equal(other.edges, made.edges + 1)
    assert torch.equal(other.tables[11], made.tables[11] + 1)
    assert torch.equal(other.rest[11].factor, made.rest[11].factor + 1)


def test_a_copy_is_the_same_and_apart(made):
    other, before = copy.deepcopy(made), made(X)
    assert torch.equal(other(X), before)
    other.edges.fill_(-1)
    other.rest[0].factor.fill_(100.0)
    assert torch.equal(made(X), before)


@pytest.mark.parametrize("name", ["edges", "first.offset", "rest.11.factor", "tables.3", "tables.11"])
def test_a_tensor_that_is_missing_is_named(name):
    state = chain().state_dict()
    del state[name]
    with pytest.raises(KeyError, match=name.rpartition(".")[2]):
        Chain.restored(state, chain().settings())


def test_a_tuple_without_any_of_its_tensors_is_refused():
    state = {name: tensor for name, tensor in chain().state_dict().items() if not name.startswith("tables.")}
    with pytest.raises(KeyError, match="0"):
        Chain.restored(state, chain().settings())


@pytest.mark.parametrize("name", ["share", "note", "first", "last", "rest", "tables"])
def test_a_setting_that_is_missing_is_named(name):
    whole = chain(last=Shift(offset=numbers(1.0)))
    settings = whole.settings()
    del settings[name]
    with pytest.raises(KeyError, match=name):
        Chain.restored(whole.state_dict(), settings)


def test_a_part_that_may_be_missing_and_that_nothing_speaks_of_is_missing():
    settings = chain().settings()
    del settings["last"]
    assert Chain.restored(chain().state_dict(), settings).last is None


def test_a_part_of_another_kind_is_refused():
    settings = chain().settings()
    settings["first"] = {"part": "Linear"}
    with pytest.raises(KeyError, match="Linear"):
        Chain.restored(chain().state_dict(), settings)


def test_parameters_stay_parameters():
    part = Scale(factor=nn.Parameter(numbers(2.0)))
    assert [name for name, _ in part.named_parameters()] == ["factor"]
    part(X).sum().backward()
    assert float(part.factor.grad) == pytest.approx(float(X.sum()))
