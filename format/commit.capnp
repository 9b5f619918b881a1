@0xd1a1c7a7f0e35a03;
# The payloads of `commit` and `seal` frames. Canonical Cap'n Proto messages of one segment.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("session::schema");
using Page = import "page.capnp";

struct Commit {
  revision @0 :UInt64;
  time @1 :Int64;                     # nanoseconds since 1970, never below the parent's
  unsyncedBytes @2 :UInt64;           # what lies between the end of the last completed sync and
  unsyncedHashHigh @3 :UInt64;        #   this frame: its length and XXH3-128 (of nothing: zeros)
  unsyncedHashLow @4 :UInt64;
  treesOffset @5 :UInt64;             # of the newest commit with trees at or before this one; 0: itself
  parentRevision @6 :UInt64;          # 0: none
  kind @7 :Kind;
  enum Kind { delta @0; snapshot @1; }
  pendingDeltas @8 :UInt32;           # deltas above the trees, this one included
  pendingBytes @9 :UInt64;            # of the frames of those, this one's not included
  changes @10 :List(TableChanges);    # a delta's own changes, by table number
  message @11 :Text;
  trees @12 :Trees;                   # a snapshot's
  upsertCount @13 :UInt32;            # of this commit, whatever its kind
  eraseCount @14 :UInt32;
  pageBytes @15 :UInt64;              # of the frames this commit wrote before its own
  parityOffset @16 :UInt64;           # of the newest parity group before this commit; 0: none
}

struct TableChanges {
  table @0 :UInt16;
  upserts @1 :Page.Leaf;
  erasedEnds @2 :List(UInt32);        # keys without a record any more, sorted
  erasedKeys @3 :Data;
}

struct Trees {
  revision @0 :UInt64;                # the trees hold everything up to here
  roots @1 :List(Root);               # by table number; empty tables left out
  fingerprint @2 :Data;               # SHA-256 of the content, 32 bytes
  checkpoint @3 :Text;                # key in `checkpoints`, if the commit is one
  writer @4 :Text;                    # program and version
  header @5 :Data;                    # the 64 bytes of the file header
  features @6 :List(Feature);
}

struct Root {
  table @0 :UInt16;
  level @1 :UInt16;                   # 0: the root is a leaf
  storedSize @2 :UInt32;
  offset @3 :UInt64;
  count @4 :UInt64;
  contentBytes @5 :UInt64;
  storedBytes @6 :UInt64;
  digest @7 :Data;
}

struct Feature {
  # Something a file uses that readers of the first version do not know.
  name @0 :Text;
  since @1 :Text;                     # the version that reads it
  isRequired @2 :Bool;
}

struct Seal {
  commitOffset @0 :UInt64;            # the head when the file was closed
  revision @1 :UInt64;
}
