"""A task that fails now and then, and is tried again, longer apart each time, until it succeeds or gives up."""

from node import node

from understudy import App, Task
from understudy.utils.log import get_task_logger

app = App("retries")
logger = get_task_logger(__name__)


@app.task(
    bind=True,
    autoretry_for=(ConnectionError,),
    max_retries=5,
    retry_backoff=True,
    retry_backoff_max=1,
    retry_jitter=True,
)
def order(self: Task[..., str], failures: int) -> str:
    attempt = self.request.retries + 1
    if attempt <= failures:
        logger.warning("attempt %d: the service is busy", attempt)
        raise ConnectionError("the service is busy")
    return f"ordered at attempt {attempt}"


if __name__ == "__main__":
    with node("retries"):
        print(order.delay(2).get(timeout=30))
        try:
            order.delay(99).get(timeout=30)
        except ConnectionError as error:
            print("gave up:", repr(error))
