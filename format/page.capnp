@0xd1a1c7a7f0e35a02;
# The payloads of `leaf` and `index` frames. Both are canonical Cap'n Proto messages of one segment.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("session::schema");

struct Leaf {
  # Records in the order of their keys. All keys of the page share their first `skip` bytes;
  # `prefixes` holds the next 8 bytes of each, big-endian, zero-filled, for the search.
  prefixes @0 :List(UInt64);
  keyEnds @1 :List(UInt32);           # where each key ends in `keys`
  keys @2 :Data;
  records @3 :AnyPointer;             # a list of the table's struct, as long as `keyEnds`
  skip @4 :UInt32;
}

struct Index {
  # One child page per position; `keys` holds the last key of each child.
  prefixes @0 :List(UInt64);
  keyEnds @1 :List(UInt32);
  keys @2 :Data;
  counts @3 :List(UInt64);            # records below the child
  offsets @4 :List(UInt64);           # of the child's frame
  storedSizes @5 :List(UInt32);       # of the child's payload, as stored
  digests @6 :Data;                   # SHA-256, 32 bytes each
  contentBytes @7 :List(UInt64);      # sum of the sizes of the records below
  storedBytes @8 :List(UInt64);       # sum of the frames of the whole subtree, headers included
  skip @9 :UInt32;
  level @10 :UInt16;                  # 1: the children are leaves
}
