"""The broker as a deterministic state machine: it has no clock, no socket and no file.

Time is passed in at the start of each round (`Broker.begin`), durable state lives behind `Storage`, and what is to be
told to whoever waits comes back from `Broker.commit` as answers. A round is

    begin(now, mono)  ->  any number of requests  ->  commit() or rollback()

Its invariants:

* Nothing is delivered, confirmed or pushed before the commit that holds it. A round that could not be committed leaves
  the memory as it was before the round.
* A message is in storage from its publication until an outcome settles it. Claims are in memory alone: whoever loses
  the memory (a new writer) asks the live nodes what they hold, and everything else is ready again.
* A place (see `place`) belongs to one message for ever, and a tag to one claim for ever: neither is reused, not even by
  the next writer.
* Only the owner that holds a tag settles it. An owner whose lease ran out, or that was replaced by a newer epoch of its
  boot, holds nothing.
"""
