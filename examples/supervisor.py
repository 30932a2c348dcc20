"""The kernel alone: a shop whose till crashes, and a supervisor that puts another in its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from understudy.actors import Actor, ChildRestarted, ChildSpec, Message, Supervisor, System, on


@dataclass(frozen=True, slots=True)
class Ship(Message["Warehouse", int]):
    """Take so many out of the stock; answered with what is left."""

    number: int


@dataclass(frozen=True, slots=True)
class Pay(Message["Till", float]):
    """Pay a sum in so many parts; answered with the size of one."""

    amount: float
    parts: int


class Warehouse(Actor):
    def __init__(self, stock: int) -> None:
        self._stock = stock

    @on(Ship)
    def ship(self, message: Ship) -> int:
        self._stock -= message.number
        return self._stock


class Till(Actor):
    @on(Pay)
    def pay(self, message: Pay) -> float:
        return message.amount / message.parts


class Shop(Supervisor):
    """The till and the warehouse do not depend on each other."""

    strategy = "one_for_one"

    def children(self) -> Sequence[ChildSpec]:
        return [ChildSpec("warehouse", Warehouse, (100,)), ChildSpec("till", Till)]


def main() -> None:
    with System("shop") as system:
        restarted: SimpleQueue[ChildRestarted] = SimpleQueue()
        system.events.subscribe(ChildRestarted, restarted.put)
        system.spawn(Shop, name="shop")
        till, warehouse = system.find("/shop/till"), system.find("/shop/warehouse")
        assert till is not None
        assert warehouse is not None

        print("left:", warehouse.ask(Ship(1), timeout=5))
        try:
            till.ask(Pay(10, 0), timeout=5)
        except ZeroDivisionError:
            print("the till has crashed")

        event = restarted.get(timeout=5)
        print(f"its understudy: {event.ref.path}, after {event.reason}")
        print("one part:", event.ref.ask(Pay(10, 4), timeout=5))
        print("left:", warehouse.ask(Ship(1), timeout=5), "(the warehouse went on)")


if __name__ == "__main__":
    main()
