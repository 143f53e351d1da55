"""An unmodified Telethon client takes the loopback server for Telegram.

Run by tests/interop/run, which builds the server and puts Telethon into a virtual environment. A client that
this project did not write is the best check of how faithful its server is.
"""

import asyncio
import contextlib
import sys

from telethon import TelegramClient, errors, events
from telethon.crypto import AuthKey, rsa
from telethon.sessions import MemorySession
from telethon.tl import functions, types

from server import PATIENCE, Server


async def within(awaitable):
    return await asyncio.wait_for(awaitable, PATIENCE)


def check(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: {found!r} instead of {wanted!r}")
    print(f"ok: {what}")


async def refused(what, error, awaitable):
    """Checks that a call is refused with this error, and returns it."""
    try:
        answer = await within(awaitable)
    except errors.RPCError as caught:
        check(what, type(caught).__name__, error.__name__)
        return caught
    raise SystemExit(f"{what}: {answer!r} instead of {error.__name__}")


def session_of(server, key=None):
    session = MemorySession()
    session.set_dc(*server.address)
    session.auth_key = AuthKey(key)
    return session


@contextlib.asynccontextmanager
async def connected(session):
    """A client that never waits by itself, and the texts that it hears in their order."""
    client = TelegramClient(session, 1, "hash", flood_sleep_threshold=0, sequential_updates=True)
    heard = asyncio.Queue()
    client.add_event_handler(lambda event: heard.put(event.raw_text), events.NewMessage(incoming=True))
    await within(client.connect())
    try:
        # Telegram pushes to a client that has asked for the state of its updates.
        await within(client.catch_up())
        yield client, heard
    finally:
        await within(client.disconnect())


async def hears(what, server, heard, *texts):
    """Checks that these texts are heard, once each and in this order: the next one after them is another."""
    server.tell(f"that was: {what}")
    found = [await within(heard.get()) for _ in range(len(texts) + 1)]
    check(what, found, [*texts, f"that was: {what}"])


async def pages_of_dialogs(client):
    """How many dialogs each page of two has, until one has none."""
    sizes, behind = [], {"offset_date": None, "offset_id": 0, "offset_peer": types.InputPeerEmpty()}
    while True:
        page = await within(client(functions.messages.GetDialogsRequest(limit=2, hash=0, **behind)))
        if not isinstance(page, types.messages.DialogsSlice) or page.count != 3:
            raise SystemExit(f"a page of some dialogs: {page!r}")
        if not page.dialogs:
            return sizes
        sizes.append(len(page.dialogs))
        last = page.dialogs[-1]
        top = next(m for m in page.messages if (m.peer_id, m.id) == (last.peer, last.top_message))
        peer = await within(client.get_input_entity(last.peer))
        behind = {"offset_date": top.date, "offset_id": top.id, "offset_peer": peer}


async def conversation(server):
    async with connected(session_of(server, server.keys["alice"])) as (client, heard):
        me = await within(client.get_me())
        check("it gets its own user", (me.id, me.username), (server.alice, "alice"))
        for n in range(3):
            await within(client.send_message("bob", f"hello {n}"))
        texts = [message.text async for message in client.iter_messages("bob")]
        check("it sends and reads history", texts, ["hello 2", "hello 1", "hello 0"])
        room = [message.text async for message in client.iter_messages("room")]
        check("it reads a group, page by page", (len(room), room[-1]), (120, "message 1 in room"))
        members = {user.username async for user in client.iter_participants("room")}
        check("it reads its members", members, {"alice", "bob"})
        check("the server saw what it sent", server.count("sent"), 3)
        dialogs = {dialog.name: dialog.message.text async for dialog in client.iter_dialogs()}
        tops = {"bob": "hello 2", "room": "message 120 in room", "news": "message 3 in news"}
        check("it lists its dialogs with their newest messages", dialogs, tops)
        check("it lists them page by page", await pages_of_dialogs(client), [2, 1])
        server.tell("an update")
        await hears("it receives an update", server, heard, "an update")


async def key_of_its_own(server):
    """Telethon's own key exchange: all that it is told is another RSA key."""
    rsa.add_key(server.rsa, old=False)
    session = session_of(server)
    async with connected(session) as (client, heard):
        me = await within(client.get_me())
        check("it makes a key and is who the key belongs to", me.id, server.alice)
        server.tell("with your own key")
        await hears("it receives with the key", server, heard, "with your own key")
        before = server.count("sent")
        await within(client.send_message("bob", "with my own key"))
        check("it sends with the key", server.count("sent"), before + 1)
    is_given = session.auth_key.key in server.keys.values()
    check("the key is none of those that the server gave out", is_given, False)
    # More than one if it began with a zero: Telethon forgets that, disagrees with the server and makes another.
    keys = server.count("keys")
    check("the server knows that a client made it", keys >= 1, True)
    async with connected(session) as (client, _):
        check("it uses the key again", (await within(client.get_me())).id, server.alice)
        check("and makes no other", server.count("keys"), keys)


async def slow_mode(server):
    async with connected(session_of(server, server.keys["alice"])) as (client, _):
        await within(client.send_message("slow", "first"))
        error = await refused("slow mode", errors.SlowModeWaitError, client.send_message("slow", "second"))
        check("slow mode says how long", 0 < error.seconds <= 30, True)


async def rights(server):
    async with connected(session_of(server, server.keys["alice"])) as (client, _):
        forbidden = client.send_message("news", "x")
        await refused("a member does not write to a channel", errors.ChatWriteForbiddenError, forbidden)
        hidden = client.get_participants("news")
        await refused("nor sees its members", errors.ChatAdminRequiredError, hidden)
        server.tell("/role news admin")
        await within(client.send_message("news", "x"))
        check("an admin does both", len(await within(client.get_participants("news"))), 2)

        server.tell("/role room banned")
        banned = client.send_message("room", "x")
        await refused("who was banned does not write", errors.UserBannedInChannelError, banned)
        server.tell("/role room none")
        left = client.get_messages("room")
        await refused("who was taken out does not read", errors.ChannelPrivateError, left)
        server.tell("/role room admin")
        check("who is in it does", len(await within(client.get_messages("room", limit=5))), 5)
        closed = client.get_messages("closed")
        await refused("who never was in a group does not read it", errors.ChannelPrivateError, closed)


async def basic_group(server):
    async with connected(session_of(server, server.keys["carol"])) as (client, heard):
        dialogs = {dialog.name: dialog async for dialog in client.iter_dialogs()}
        club = dialogs["club"]
        newest = (club.is_group, club.is_channel, club.message.text)
        check("it lists a basic group", newest, (True, False, "message 5 in club"))
        texts = [message.text async for message in client.iter_messages(club.input_entity)]
        check("it reads its history", texts, [f"message {n} in club" for n in range(5, 0, -1)])
        members = {user.username async for user in client.iter_participants(club.input_entity)}
        check("and its members", members, {"bob", "carol"})
        server.tell("/tell club hello all")
        check("it hears what is said in it", await within(heard.get()), "hello all")


async def updates_that_go_wrong(server):
    async with connected(session_of(server, server.keys["alice"])) as (client, heard):
        await hears("it listens before updates go wrong", server, heard)
        server.tell("/lose 2")
        lost = ["lost", "lost as well", "not lost"]
        for text in lost:
            server.tell(text)
        await hears("lost updates are noticed at the next one", server, heard, *lost)

        server.tell("/lose 1")
        server.tell("lost again")
        await within(client.catch_up())
        await hears("catching up brings what was lost", server, heard, "lost again")

        server.tell("/double 2")
        for text in ["once", "and once"]:
            server.tell(text)
        await hears("updates that come twice are heard once", server, heard, "once", "and once")

        server.tell("/swap 1")
        for text in ["first", "second"]:
            server.tell(text)
        await hears("updates out of order are put in order", server, heard, "first", "second")


async def asks(server, differences):
    """Waits until clients have asked for a difference more often than that."""
    while server.count("differences") <= differences:
        await asyncio.sleep(0.05)


async def differences_that_are_too_long(server):
    """Of more than 10 messages that it missed, a client is not told: it goes on from where it is told."""
    async with connected(session_of(server, server.keys["alice"])) as (client, heard):
        await hears("it listens before it misses too much", server, heard)
        before = server.count("differences")
        server.tell("/lose 11")
        for n in range(11):
            server.tell(f"missed {n}")
        await within(client.catch_up())
        await within(asks(server, before))
        await hears("it goes on after a difference that is too long", server, heard)

        server.tell("/post room before")
        await hears("it listens to a group", server, heard, "before")
        before = server.count("differences")
        server.tell("/lose 11")
        for n in range(12):
            server.tell(f"/post room missed {n}")
        await within(asks(server, before))
        server.tell("/post room after")
        await hears("it goes on in a group of which too much is missing", server, heard, "after")

        before = server.count("differences")
        server.tell("/lose 2")
        for text in ["lost", "lost as well"]:
            server.tell(f"/post room {text}")
        server.tell("/toolong room")
        await within(asks(server, before))
        await hears("it asks for what it is told that it missed", server, heard, "lost", "lost as well")


async def black_hole(server):
    async with connected(session_of(server, server.keys["alice"])) as (client, heard):
        await hears("it listens before the black hole", server, heard)
        server.tell("/hole alice")
        server.tell("swallowed")
        call = asyncio.ensure_future(client.get_me())
        answered, _ = await asyncio.wait([call], timeout=0.5)
        check("nothing comes out of a black hole", (len(answered), heard.qsize()), (0, 0))
        server.tell("/heal alice")
        check("what was asked is answered on the next connection", (await within(call)).id, server.alice)
        await within(client.catch_up())
        await hears("it hears what was swallowed", server, heard, "swallowed")


async def restart(server):
    async with connected(session_of(server, server.keys["alice"])) as (client, heard):
        before = server.count("sent")
        await hears("it listens before the restart", server, heard)
        server.tell("/restart")
        server.tell("while away")
        # Not what must happen once: Telethon may send what it was about to send once more.
        check("it reconnects by itself and is who it was", (await within(client.get_me())).id, server.alice)
        await within(client.send_message("bob", "I am back"))
        check("it sends as before", server.count("sent"), before + 1)
        await within(client.catch_up())
        await hears("it hears what it missed", server, heard, "while away")


async def flood(server):
    async with connected(session_of(server, server.keys["carol"])) as (client, _):
        before = server.count("sent")
        for n in range(20):
            await within(client.send_message("bob", f"{n}"))
        too_much = client.send_message("bob", "20")
        error = await refused("who sends too much waits", errors.FloodWaitError, too_much)
        check("the wait is what is left", 0 < error.seconds <= 60, True)
        check("what was refused was not sent", server.count("sent"), before + 20)


async def revoked(server):
    for name, code, error in [
        ("bob", "SESSION_REVOKED", errors.SessionRevokedError),
        ("carol", "AUTH_KEY_UNREGISTERED", errors.AuthKeyUnregisteredError),
    ]:
        async with connected(session_of(server, server.keys[name])) as (client, _):
            check(f"{name} is signed in", (await within(client.get_me())).username, name)
            server.tell(f"/revoke {name} {code}")
            whoami = functions.users.GetUsersRequest([types.InputUserSelf()])
            for _ in range(2):
                await refused(f"a revoked key is refused with {code}", error, client(whoami))


async def main(server):
    await conversation(server)
    await key_of_its_own(server)
    await slow_mode(server)
    await rights(server)
    await basic_group(server)
    await updates_that_go_wrong(server)
    await differences_that_are_too_long(server)
    await black_hole(server)
    await restart(server)
    await flood(server)
    await revoked(server)


if __name__ == "__main__":
    loopback = Server(sys.argv[1:])
    try:
        asyncio.run(main(loopback))
    finally:
        loopback.close()
