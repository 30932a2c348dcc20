"""A task, a call, a result."""

from node import node

from understudy import App

app = App("first_steps")


@app.task
def add(x: int, y: int) -> int:
    return x + y


if __name__ == "__main__":
    result = add.delay(2, 3)  # there need not be a node yet: the call is in the queue's file
    with node("first_steps"):
        print("2 + 3 =", result.get(timeout=30))
