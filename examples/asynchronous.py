"""An asyncio program that calls tasks and awaits their results, without blocking its event loop."""

import asyncio

from node import node

from understudy import App

app = App("asynchronous")


@app.task
async def fetch(url: str) -> str:
    await asyncio.sleep(0.1)  # a task may be a coroutine, too
    return f"<html>{url}</html>"


async def main() -> None:
    urls = [f"https://example.org/{number}" for number in range(3)]
    results = [await fetch.adelay(url) for url in urls]
    for page in await asyncio.gather(*(result.aget(timeout=30) for result in results)):
        print(page)


if __name__ == "__main__":
    with node("asynchronous"):
        asyncio.run(main())
