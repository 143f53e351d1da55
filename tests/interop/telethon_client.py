"""An unmodified Telethon client takes the loopback server for Telegram.

Run by tests/interop/run, which starts the server and puts Telethon into a virtual environment. A client that
this project did not write is the best check of how faithful its server is.
"""

import asyncio
import json
import subprocess
import sys

from telethon import TelegramClient, events
from telethon.crypto import AuthKey
from telethon.sessions import MemorySession

LIMIT = 30


async def within(awaitable):
    return await asyncio.wait_for(awaitable, LIMIT)


def check(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: {found!r} instead of {wanted!r}")
    print(f"ok: {what}")


async def main(server):
    told = json.loads(server.stdout.readline())
    session = MemorySession()
    session.set_dc(told["dc"], told["host"], told["port"])
    session.auth_key = AuthKey(bytes.fromhex(told["key"]))
    client = TelegramClient(session, 1, "hash")
    await within(client.connect())

    me = await within(client.get_me())
    check("it gets its own user", (me.id, me.username), (told["user"], "alice"))

    heard = asyncio.Queue()
    client.add_event_handler(lambda event: heard.put(event.raw_text), events.NewMessage(incoming=True))
    # Telegram pushes to a client that has asked for the state of its updates.
    await within(client.catch_up())

    for n in range(3):
        await within(client.send_message("bob", f"hello {n}"))
    texts = [message.text async for message in client.iter_messages("bob")]
    check("it sends and reads history", texts, ["hello 2", "hello 1", "hello 0"])

    room = [message.text async for message in client.iter_messages("room")]
    check("it reads a group, page by page", (len(room), room[-1]), (120, "message 1 in room"))
    members = {user.username async for user in client.iter_participants("room")}
    check("it reads its members", members, {"alice", "bob"})

    server.stdin.write("an update\n")
    server.stdin.flush()
    check("it receives an update", await within(heard.get()), "an update")
    check("the server saw what it sent", server.stdout.readline().strip(), "3")
    await client.disconnect()


if __name__ == "__main__":
    process = subprocess.Popen(
        sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        asyncio.run(main(process))
    finally:
        process.stdin.close()
        process.wait(LIMIT)
