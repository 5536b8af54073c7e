#!/usr/bin/env python3
"""The contract of common/QUEUES.md as an explicit-state model: every interleaving is tried.

Workers claim several articles and settle some of them; savers claim batches, apply them to a store
and settle. A command may be executed at once, with its answer lost, or late, when nobody listens any
more. A script may be cut short after any of its commands (an error in the middle: Redis keeps what
came before). A process may die, be declared dead while it lives, or crash over the item in hand; the
set of owners may be lost. In every state each item must be in exactly one place, and wherever no
process can do anything more, each item must have been counted once or be dead.

usage: queue_model.py [--items N] [--workers N] [--savers N] [--claim N] [--faults N]
                      [--without RULE] | --all

--without takes one rule of the contract away and succeeds when that is found to be wrong. --all is
what `make test` runs: the whole contract, then each rule taken away.
"""
import argparse
import sys
from collections import deque, namedtuple

RULES = {
    "epoch": "every enter makes a new name",
    "claim-fence": "only a registered owner claims",
    "settle-fence": "only a registered owner settles, and only what its hold has",
    "marker": "the store knows which batches it has applied",
    "forget-first": "an owner is forgotten before the first of its items is given back",
    "register-first": "a new owner is registered before anything is in its hold",
    "one-move": "a poison item goes from hold to hold by one command",
    "blame-by-place": "the blamed item is found by its place from the oldest",
    "sweep": "a hold whose owner is not registered is given back",
}

# What Redis and the store have. Lists have their oldest item first. holds: {owner: items} as sorted
# pairs. excused: owners that a cut script or a lost set left without registration; no other hold may
# be without its owner. epochs: the last epoch of each process' slot. innocent: an item that is
# blamed for the crash over another.
World = namedtuple("World", "articles results dead holds owners excused epochs applied counts "
                            "batches procs wire faults innocent")
# A process. owner: its name, None where it must enter. items: what it believes to hold, oldest
# first (a saver: batches). sent: the command without an answer. blame: (owner, index, item) of the
# item in hand when it crashed. condemned: the one item it holds is to be settled as dead. applied:
# the store has answered for the batch in hand.
Proc = namedtuple("Proc", "role slot owner items sent blame condemned applied")


MAX_STATES = 3000000


class Model:
    def __init__(self, options):
        self.options = options
        self.without = options.without

    def has(self, rule):
        return self.without != rule

    # --- lists ----------------------------------------------------------------------------------

    @staticmethod
    def hold(w, owner):
        for name, items in w.holds:
            if name == owner:
                return items
        return ()

    @staticmethod
    def put_hold(w, owner, items):
        others = [pair for pair in w.holds if pair[0] != owner]
        if items:
            others.append((owner, items))
        return w._replace(holds=tuple(sorted(others)))

    @staticmethod
    def source(w, role):
        return w.articles if role == "worker" else w.results

    @staticmethod
    def put_source(w, role, items):
        return w._replace(articles=items) if role == "worker" else w._replace(results=items)

    # --- scripts: each yields the world after each of its commands --------------------------------

    def give_back(self, w, owner):
        """The newest first, so that the oldest is again the next one taken."""
        while self.hold(w, owner):
            *rest, newest = self.hold(w, owner)
            w = self.put_hold(w, owner, tuple(rest))
            w = self.put_source(w, owner[0], (newest,) + self.source(w, owner[0]))
            yield w

    def forget(self, w, owner):
        return w._replace(owners=w.owners - {owner})

    def recover(self, w, owner):
        """What a janitor does when a lease has ended, and a leave."""
        if self.has("forget-first"):
            w = self.forget(w, owner)
            yield w
        for w in self.give_back(w, owner):
            yield w
        yield self.forget(w, owner)

    def move_poison(self, w, old, new, index):
        """From the old hold to the new: newer items back, the poison over, older items back."""
        while len(self.hold(w, old)) > index + 1:
            w = next(self.give_back(w, old))
            yield w
        *older, poison = self.hold(w, old)
        w = self.put_hold(w, old, tuple(older))
        if not self.has("one-move"):
            yield w
        w = self.put_hold(w, new, (poison,) + self.hold(w, new))
        yield w

    def enter(self, w, number, blame):
        """Returns the worlds and what the last one answers: (owner, poison or None)."""
        proc, worlds = w.procs[number], []
        epoch = w.epochs[number] + 1 if self.has("epoch") else 0
        new, poison = (proc.role, proc.slot, epoch), None
        w = w._replace(epochs=w.epochs[:number] + (epoch,) + w.epochs[number + 1:])

        def register(w):
            return w._replace(owners=w.owners | {new})

        def do(steps):
            nonlocal w
            for w in steps:
                worlds.append(w)
        earlier = [o for o in sorted(w.owners) if o[:2] == new[:2]]
        if self.has("register-first") and new not in earlier:
            do([register(w)])
        for old in earlier:
            if self.has("forget-first"):
                do([self.forget(w, old)])
            if blame and blame[0] == old and len(self.hold(w, old)) > blame[1]:
                index = blame[1] if self.has("blame-by-place") else len(self.hold(w, old)) - 1
                poison = self.hold(w, old)[index]
                w = w._replace(innocent=poison if poison != blame[2] else w.innocent)
                do(self.move_poison(w, old, new, index))
            do(self.give_back(w, old))
            do([self.forget(w, old)])
        do([register(w)])
        return worlds, (new, poison)

    def execute(self, w, command):
        """Returns the worlds after each command of the script, and the answer."""
        kind, owner = command[:2]
        if kind == "enter":
            return self.enter(w, owner, command[2])
        if kind == "apply":
            batch = command[2]
            if batch[0] in w.applied and self.has("marker"):
                return [w], "before"
            counts = tuple(n + (i in batch[1]) for i, n in enumerate(w.counts))
            return [w._replace(applied=w.applied | {batch[0]}, counts=counts)], "now"
        gone = owner not in w.owners
        if kind == "claim":
            if gone and self.has("claim-fence"):
                return [w], None
            return self.claim(w, owner, command[2])
        # Each half of this fence is enough for what the model does; both is what settle.lua has.
        short = len(self.hold(w, owner)) < command[2]
        if (gone or short) and self.has("settle-fence"):
            return [w], None
        return self.settle(w, owner, *command[2:])

    def claim(self, w, owner, most):
        taken, worlds = (), []
        for _ in range(most):
            source = self.source(w, owner[0])
            if not source:
                break
            taken += source[:1]
            w = self.put_source(w, owner[0], source[1:])
            w = self.put_hold(w, owner, self.hold(w, owner) + source[:1])
            worlds.append(w)
        return worlds or [w], taken

    def settle(self, w, owner, done, batch, condemned):
        dead = self.hold(w, owner)[:1] if condemned else ()
        w = w._replace(results=w.results + ((batch,) if batch else ()), dead=w.dead + dead)
        # Redis runs a script alone and looks for wrong types first: push and drop are one step.
        return [self.put_hold(w, owner, self.hold(w, owner)[done:])], done

    # --- processes --------------------------------------------------------------------------------

    @staticmethod
    def with_proc(w, number, **changes):
        proc = w.procs[number]._replace(**changes)
        return w._replace(procs=w.procs[:number] + (proc,) + w.procs[number + 1:])

    def send(self, w, number, *command):
        w = w._replace(wire=tuple(sorted(w.wire + (command,), key=repr)))
        return self.with_proc(w, number, sent=command)

    @staticmethod
    def off_wire(w, command):
        wire = list(w.wire)
        wire.remove(command)
        return w._replace(wire=tuple(wire))

    def doubt(self, w, number, **changes):
        """What is in memory is dropped; the next thing is to enter."""
        return self.with_proc(w, number, owner=None, items=(), sent=None, condemned=False,
                              applied=False, **changes)

    def hear(self, w, number, command, answer):
        kind, proc = command[0], w.procs[number]
        if answer is None:
            return self.doubt(w, number)
        if kind == "enter":
            owner, poison = answer
            items = () if poison is None else (poison,)
            return self.with_proc(w, number, owner=owner, items=items, sent=None, blame=None,
                                  condemned=poison is not None)
        if kind == "claim":
            return self.with_proc(w, number, items=proc.items + answer, sent=None)
        if kind == "apply":
            return self.with_proc(w, number, applied=True, sent=None)
        return self.with_proc(w, number, items=proc.items[answer:], sent=None, condemned=False,
                              applied=False)

    def next_commands(self, w, number, proc):
        if proc.owner is None:
            yield self.send(w, number, "enter", number, proc.blame)
        elif proc.condemned:
            yield self.send(w, number, "settle", proc.owner, 1, None, True)
        elif proc.role == "worker":
            if w.articles:
                yield self.send(w, number, "claim", proc.owner, self.options.claim)
            for done in range(1, len(proc.items) + 1):
                batch = (w.batches, proc.items[:done])
                yield self.send(w, number, "settle", proc.owner, done, batch,
                                False)._replace(batches=w.batches + 1)
        elif not proc.items:
            if w.results:
                yield self.send(w, number, "claim", proc.owner, self.options.claim)
        elif proc.applied:
            yield self.send(w, number, "settle", proc.owner, 1, None, False)
        else:
            yield self.send(w, number, "apply", proc.owner, proc.items[0])

    def progress(self, w):
        """What happens while nothing goes wrong."""
        for number, proc in enumerate(w.procs):
            if proc.sent is None:
                for after in self.next_commands(w, number, proc):
                    yield f"{proc.role} {number} sends {after.procs[number].sent[0]}", after
            elif proc.sent in w.wire:
                worlds, answer = self.execute(self.off_wire(w, proc.sent), proc.sent)
                yield (f"{proc.role} {number}: {proc.sent[0]} is answered",
                       self.hear(worlds[-1], number, proc.sent, answer))
        if self.has("sweep"):
            for owner, _ in w.holds:
                if owner not in w.owners:
                    *_, after = self.give_back(w, owner)
                    yield f"the hold of {owner} is swept", after

    def late(self, w):
        """Commands that nobody waits for any more; they may also stay away for ever."""
        sent = [proc.sent for proc in w.procs]
        for command in set(w.wire):
            if command not in sent:
                worlds, _ = self.execute(self.off_wire(w, command), command)
                yield f"late {command[0]} of {command[1]} is executed", worlds[-1]

    @staticmethod
    def excuse(before, after):
        return after._replace(excused=after.excused | (before.owners - after.owners))

    def faults(self, w):
        w = w._replace(faults=w.faults - 1)
        for number, proc in enumerate(w.procs):
            name = f"{proc.role} {number}"
            if proc.sent in w.wire and proc.sent:
                worlds, _ = self.execute(self.off_wire(w, proc.sent), proc.sent)
                for count, world in enumerate(worlds, 1):
                    yield (f"{name}: {proc.sent[0]} is cut after {count} of {len(worlds)} commands,"
                           " or its answer lost", self.doubt(self.excuse(w, world), number))
            if proc.owner or proc.sent:
                yield f"{name} dies or gives up waiting", self.doubt(w, number)
            if proc.role == "worker" and proc.owner and not proc.sent and not proc.condemned:
                for index, item in enumerate(proc.items):
                    yield (f"{name} crashes over item {item}",
                           self.doubt(w, number, blame=(proc.owner, index, item)))
            if proc.owner in w.owners:
                worlds = list(self.recover(w, proc.owner))
                for count, world in enumerate(worlds, 1):
                    yield (f"{name} is declared dead, by {count} of {len(worlds)} commands",
                           self.excuse(w, world) if count < len(worlds) else world)
        if w.owners:
            yield "the set of owners is lost", self.excuse(w, w._replace(owners=frozenset()))

    # --- the search -------------------------------------------------------------------------------

    def wrong(self, w):
        held = [item for owner, items in w.holds if owner[0] == "worker" for item in items]
        saved = [b for owner, items in w.holds if owner[0] == "saver" for b in items]
        for item, count in enumerate(w.counts):
            if count > 1:
                return f"item {item} is counted {count} times"
            pushed = [b for b in w.results + tuple(saved)
                      if item in b[1] and b[0] not in w.applied]
            places = (w.articles + w.dead).count(item) + held.count(item) + len(pushed) + count
            if places != 1:
                return f"item {item} is in {places} places"
        if w.innocent is not None:
            return f"item {w.innocent} is blamed for the crash over another"
        for owner, _ in w.holds:
            if owner not in w.owners and owner not in w.excused:
                return f"the hold of {owner} has no registered owner"
        return None

    def start(self):
        o = self.options
        procs = tuple(Proc(role, slot, (role, slot, 0), (), None, None, False, False)
                      for role, count in (("worker", o.workers), ("saver", o.savers))
                      for slot in range(count))
        return World(articles=tuple(range(o.items)), results=(), dead=(), holds=(),
                     owners=frozenset(p.owner for p in procs), excused=frozenset(),
                     epochs=(0,) * len(procs), applied=frozenset(), counts=(0,) * o.items,
                     batches=0, procs=procs, wire=(), faults=o.faults, innocent=None)

    def unfinished(self, w):
        # Without savers a batch that waits is the end of the way.
        pushed = [i for batch in w.results for i in batch[1]] if not self.options.savers else []
        return any(n + (i in w.dead) + (i in pushed) != 1 for i, n in enumerate(w.counts))

    def search(self):
        """Returns the number of states and, where one is wrong, (what, the steps to it)."""
        first = self.start()
        origin, todo = {first: None}, deque([first])
        while todo:
            w = todo.popleft()
            what = self.wrong(w)
            if len(origin) > MAX_STATES:
                what = f"more than {MAX_STATES} states"
            steps = [] if what else list(self.progress(w))
            if not what and not steps and self.unfinished(w):
                what = "nothing can happen any more, and an item is not counted"
            if what:
                path = []
                while origin[w]:
                    w, text = origin[w]
                    path.append(text)
                return len(origin), (what, path[::-1])
            steps.extend(self.late(w))
            if w.faults:
                steps.extend(self.faults(w))
            for text, after in steps:
                if after not in origin:
                    origin[after] = (w, text)
                    todo.append(after)
        return len(origin), None


def run(options):
    states, found = Model(options).search()
    size = (f"{options.items} items, {options.workers} workers, {options.savers} savers, claims of "
            f"{options.claim}, {options.faults} faults")
    if not options.without:
        if found:
            print(f"WRONG ({size}): {found[0]}\n  " + "\n  ".join(found[1]))
        else:
            print(f"ok  {size}: {states} states", flush=True)
        return not found
    if found:
        print(f"ok  without {options.without} ({RULES[options.without]}): {found[0]}", flush=True)
        if not options.quiet:
            print("  " + "\n  ".join(found[1]))
    else:
        print(f"WRONG ({size}): without {options.without} nothing goes wrong: is it needed?")
    return bool(found)


# items, workers, savers, claim, faults: each small enough to be searched to its end.
WHOLE = [(2, 1, 1, 2, 2), (2, 2, 1, 2, 1), (3, 1, 1, 3, 1), (3, 1, 1, 2, 1), (1, 1, 2, 1, 2)]
PROOF = [(1, 1, 1, 1, 1), (3, 1, 0, 2, 1), (2, 1, 0, 2, 2), (2, 1, 0, 2, 3)]


def run_all(options):
    def with_size(size, rule):
        names = ("items", "workers", "savers", "claim", "faults")
        return argparse.Namespace(**dict(zip(names, size)), without=rule, quiet=True)
    good = [run(with_size(size, None)) for size in WHOLE]
    for rule in RULES:
        sizes = [with_size(size, rule) for size in PROOF]
        # The smallest that shows it is enough.
        found = next((s for s in sizes if Model(s).search()[1]), sizes[-1])
        good.append(run(found))
    return all(good)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("items", 2), ("workers", 1), ("savers", 1), ("claim", 2), ("faults", 2)):
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--without", choices=RULES)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    options.quiet = False
    return 0 if (run_all(options) if options.all else run(options)) else 1


if __name__ == "__main__":
    sys.exit(main())
