@0xd1a1c7a7f0e35a01;
# The records of every table: what a session file says. One struct per table, named in
# `session/table.h`. The key of a record stands in the page beside it and is not repeated here.
#
# Rules that hold for every record (spec/format.md, "Records"):
#  * the first pointer is `blobs`: one plain list of everything the record keeps outside itself;
#  * a time `x` is `x :Int64` (nanoseconds since 1970-01-01T00:00:00Z) with `xForm :UInt32` beside
#    it, which says how the time was written (0: there is no time);
#  * a name that ends in `Nanos` is a duration in nanoseconds;
#  * a null pointer is "absent", which differs from an empty text or list;
#  * `extra` is JSON text: what the source said that no field here can say exactly;
#  * a field, once released, keeps its number for ever; new fields go to the end.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("session::schema");

enum Origin {
  # Whose words `extra` completes.
  native @0;
  beads @1;
  taskmaster @2;
  aca @3;
  claudeCode @4;
  codex @5;
  sweAgent @6;
}

struct BlobRef {
  # A text or data field too large for its record. The field itself is null; `path` names it.
  digest @0 :Data;       # SHA-256 of the content, 32 bytes
  path @1 :Text;         # dotted field names and list indices: "text", "blocks.3.text"
  sizeBytes @2 :UInt64;
}

# ---- tasks --------------------------------------------------------------------------------------

enum TaskStatus { pending @0; inProgress @1; blocked @2; completed @3; failed @4; skipped @5; }
enum Priority { unset @0; critical @1; high @2; normal @3; low @4; background @5; }
enum Complexity { unset @0; trivial @1; simple @2; moderate @3; complex @4; epic @5; }
enum DependencyType { prerequisite @0; preferred @1; concurrent @2; exclusive @3; parent @4; related @5; }

struct Task {
  blobs @0 :List(BlobRef);
  title @1 :Text;
  parent @2 :Text;                    # key of the parent task; null: a root
  rank @3 :Int64;                     # order among the siblings; ties by key
  status @4 :TaskStatus;
  priority @5 :Priority;
  complexity @6 :Complexity;
  origin @7 :Origin;
  description @8 :Text;
  createdAt @9 :Int64;
  updatedAt @10 :Int64;
  createdAtForm @11 :UInt32;
  updatedAtForm @12 :UInt32;
  kind @13 :Text;                     # the source's word: "bug", "epic", ...
  extra @14 :Text;
  statusDetail @15 :StatusDetail;
  dependencies @16 :List(Dependency);
  tags @17 :List(Text);
  assignee @18 :Text;
  details @19 :Text;                  # how it is to be done
  acceptance @20 :Text;               # how one sees that it is done
  notes @21 :Text;
  comments @22 :List(Comment);
  estimatedNanos @23 :Int64;
  plan @24 :TaskPlan;
  createdBy @25 :Text;
}

struct StatusDetail {
  # Details of the status a task (or one execution of it) is in.
  at @0 :Int64;                       # when it was entered
  atForm @1 :UInt32;
  expectedForm @2 :UInt32;
  expected @3 :Int64;                 # in progress: estimated completion; blocked: retry after
  reason @4 :Text;                    # blocked, skipped; completed: why it was closed
  retryCount @5 :UInt32;              # failed
  result @6 :TaskResult;              # completed
  error @7 :TaskError;                # failed
}

struct TaskResult {
  kind @0 :Kind;
  enum Kind { success @0; partial @1; }
  output @1 :Text;                    # JSON: what was produced, or the completed part of it
  filesCreated @2 :List(Text);
  filesModified @3 :List(Text);
  artifacts @4 :List(Text);
  remaining @5 :Text;                 # JSON list of what is left to do (partial)
}

struct TaskError {
  kind @0 :Kind;
  enum Kind { other @0; agent @1; build @2; fileSystem @3; resource @4; dependency @5; timeout @6; }
  exitCode @1 :Int32;
  message @2 :Text;
  output @3 :Text;                    # standard output
  errorOutput @4 :Text;               # standard error
  path @5 :Text;
  operation @6 :Text;
  files @7 :List(Text);
  properties @8 :List(Property);      # what else the kind of error carries
  elapsedNanos @9 :Int64;
}

struct Dependency {
  target @0 :Text;                    # key of the task depended on
  type @1 :DependencyType;
  label @2 :Text;                     # the source's word for the type
  createdAt @3 :Int64;
  createdAtForm @4 :UInt32;
  createdBy @5 :Text;
}

struct Comment {
  id @0 :Text;
  author @1 :Text;
  text @2 :Text;
  time @3 :Int64;
  timeForm @4 :UInt32;
}

struct TaskPlan {
  # What is known before the work starts.
  repositories @0 :List(Repository);
  files @1 :List(FileReference);
  requiredFiles @2 :List(Text);
  requiredRepositories @3 :List(Text);
  buildDependencies @4 :List(Text);
  environment @5 :List(Property);
  contextKeys @6 :List(Text);
}

struct Repository { name @0 :Text; url @1 :Text; branch @2 :Text; commit @3 :Text; }

struct FileReference {
  path @0 :Text;
  repository @1 :Text;
  importance @2 :Priority;
  firstLine @3 :UInt32;               # 1-based; 0: the whole file
  lastLine @4 :UInt32;                # inclusive
}

struct Property {
  name @0 :Text;
  value @1 :Text;                     # JSON text where any value may stand; else plain text
}

# ---- executions ---------------------------------------------------------------------------------

struct Execution {
  blobs @0 :List(BlobRef);
  task @1 :Text;
  status @2 :TaskStatus;
  origin @3 :Origin;
  startedAt @4 :Int64;
  completedAt @5 :Int64;
  startedAtForm @6 :UInt32;
  completedAtForm @7 :UInt32;
  statusDetail @8 :StatusDetail;
  agentSession @9 :Text;
  filesModified @10 :List(Text);
  errors @11 :List(Text);
  cpuNanos @12 :Int64;
  memoryBytes @13 :UInt64;            # peak
  diskBytes @14 :UInt64;              # read and written
  networkRequests @15 :UInt64;
  extra @16 :Text;
}

# ---- messages -----------------------------------------------------------------------------------

enum Role { unset @0; user @1; assistant @2; system @3; tool @4; developer @5; summary @6; event @7; }

struct Message {
  blobs @0 :List(BlobRef);
  text @1 :Text;
  role @2 :Role;
  origin @3 :Origin;
  flags @4 :UInt32;                   # bit 0: on a side chain; bit 1: not shown to a person
  time @5 :Int64;
  timeForm @6 :UInt32;
  inputTokens @7 :UInt32;
  outputTokens @8 :UInt32;
  cachedTokens @9 :UInt32;
  model @10 :Text;
  extra @11 :Text;
  id @12 :Text;                       # the source's id
  parentId @13 :Text;                 # the id of the message this one follows
  blocks @14 :List(Block);
  task @15 :Text;                     # key of the task it belongs to
  agent @16 :Text;                    # who speaks, where there are several
}

struct Block {
  # A piece of a message that is not its plain text.
  kind @0 :Kind;
  enum Kind { text @0; thinking @1; toolCall @2; toolResult @3; image @4; other @5; }
  isError @1 :Bool;
  callId @2 :Text;                    # joins a tool call and its result
  name @3 :Text;                      # of the tool
  text @4 :Text;                      # text, thinking, or a result's output
  input @5 :Text;                     # JSON: what the tool was called with
}

# ---- files, events, values ----------------------------------------------------------------------

struct File {
  blobs @0 :List(BlobRef);
  sizeBytes @1 :UInt64;
  modifiedAt @2 :Int64;
  modifiedAtForm @3 :UInt32;
  origin @4 :Origin;
  isTracked @5 :Bool;
  isGenerated @6 :Bool;
  isWorkspace @7 :Bool;               # belongs to the workspace
  isTemporary @8 :Bool;
  isCreatedDirectory @9 :Bool;
  checksum @10 :Text;                 # as its source writes it; ours: "sha256:<hex>"
  extra @11 :Text;
  lastAction @12 :Text;               # "read", "write", "edit", ... where a transcript says so
}

struct Event {
  blobs @0 :List(BlobRef);
  kind @1 :Text;
  time @2 :Int64;
  timeForm @3 :UInt32;
  origin @4 :Origin;
  severity @5 :Severity;
  enum Severity { info @0; warning @1; error @2; }
  text @6 :Text;
  task @7 :Text;
  extra @8 :Text;                     # JSON
}

struct Value {
  # A namespaced value: key "namespace/name".
  blobs @0 :List(BlobRef);
  bytes @1 :Data;
  text @2 :Text;                      # for what is text; JSON too
  origin @3 :Origin;
  mediaType @4 :Text;
  extra @5 :Text;
}

# ---- session ------------------------------------------------------------------------------------

struct SessionRecord {
  # Keys "metadata" and "context".
  blobs @0 :List(BlobRef);
  metadata @1 :Metadata;
  context @2 :ExecutionContext;
  origin @3 :Origin;
  extra @4 :Text;
}

struct Metadata {
  name @0 :Text;
  description @1 :Text;
  workspace @2 :Text;
  tags @3 :List(Text);
  properties @4 :List(Property);      # values are JSON
  mode @5 :Mode;
  enum Mode { unset @0; host @1; container @2; }
  container @6 :Container;
}

struct Container {
  id @0 :Text;
  name @1 :Text;
  image @2 :Text;
  status @3 :Text;
  createdAt @4 :Int64;
  createdAtForm @5 :UInt32;
  resourcePercentage @6 :Float64;
  memoryBytes @7 :UInt64;
  cpuQuota @8 :Int64;
}

struct ExecutionContext {
  workingDirectory @0 :Text;
  environment @1 :List(Property);     # plain text; secrets are redacted before they get here
  watchers @2 :List(Text);
  memoryBytes @3 :UInt64;
  cpuPercent @4 :Float64;
  diskBytes @5 :UInt64;
  openFiles @6 :UInt32;
  networkConnections @7 :UInt32;
}

# ---- bookkeeping: not content, no fingerprint covers it -----------------------------------------

struct Upkeep {
  # Keys "identity", "statistics", "policy".
  blobs @0 :List(BlobRef);
  identity @1 :Identity;
  statistics @2 :Statistics;
  policy @3 :Policy;
  extra @4 :Text;
}

struct Identity {
  sessionId @0 :Text;                 # UUID; kept by every rewrite of the file
  createdAt @1 :Int64;
  createdAtForm @2 :UInt32;
  createdBy @3 :Text;                 # program and version
  agentVersion @4 :Text;              # of the agent that uses the session
  sourceVersion @5 :Text;             # format version of an imported session
}

struct Statistics {
  saves @0 :UInt64;
  checkpoints @1 :UInt64;
  recoveries @2 :UInt64;
  loads @3 :UInt64;
  saveNanos @4 :UInt64;               # sums; the means are computed
  loadNanos @5 :UInt64;
  executionNanos @6 :UInt64;
  bytesWritten @7 :UInt64;
  rawBytes @8 :UInt64;                # before compression
  storedBytes @9 :UInt64;             # after it
  readCalls @10 :UInt64;
  writeCalls @11 :UInt64;
  syncCalls @12 :UInt64;
}

struct Policy {
  # What the session manager does by itself; 0: not at all. All of them 0: nobody has said anything.
  autoSaveNanos @0 :Int64;            # -1: none of all this, and that was said
  autoCheckpointNanos @1 :Int64;
  checkpointEveryCompletions @2 :UInt32;
  checkpointEveryPercent @3 :UInt32;
  keepLast @4 :UInt32;
  keepWithinNanos @5 :Int64;
  parityPercent @6 :UInt32;
}

struct Checkpoint {
  # Key: the checkpoint's UUID as text.
  blobs @0 :List(BlobRef);
  revision @1 :UInt64;
  time @2 :Int64;
  timeForm @3 :UInt32;
  trigger @4 :Trigger;
  isAutomatic @5 :Bool;
  description @6 :Text;
  taskCount @7 :UInt64;
  sizeBytes @8 :UInt64;               # the content of all tables, uncompressed
  reason @9 :Text;                    # of a manual, error or milestone trigger
  amount @10 :Float64;                # minutes, completions or percent of an automatic trigger
  tags @11 :List(Text);
  extra @12 :Text;
  origin @13 :Origin;
}

enum Trigger {
  manual @0; timeInterval @1; taskCompletion @2; significantProgress @3; beforeRiskyOperation @4;
  error @5; milestone @6; beforeRestore @7; bound @8;
}

struct Recovery {
  # Key: a number, in digits.
  blobs @0 :List(BlobRef);
  time @1 :Int64;
  timeForm @2 :UInt32;
  recoveredTo @3 :UInt64;             # revision
  bytesIgnored @4 :UInt64;
  reason @5 :Text;
  method @6 :Text;
  lost @7 :List(Text);
  preservedAs @8 :Text;               # name of the file that keeps the damaged bytes
  extra @9 :Text;
}

# ---- derived: rebuilt from the rest when lost ---------------------------------------------------

struct Child {
  # Key: UInt16 length of the parent's key, the parent's key, rank (sign bit flipped), the child's
  # key; numbers big-endian. A parent of length 0 has the roots.
  blobs @0 :List(BlobRef);
}

struct Blob {
  # Key: SHA-256 of the content.
  blobs @0 :List(BlobRef);
  sizeBytes @1 :UInt64;
  parts @2 :List(BlobPart);           # in order; each is one frame
}

struct BlobPart { offset @0 :UInt64; storedBytes @1 :UInt32; sizeBytes @2 :UInt32; }

struct Revision {
  # Key: the revision's number, UInt64 big-endian.
  blobs @0 :List(BlobRef);
  offset @1 :UInt64;                  # of its commit frame
  time @2 :Int64;                     # nanoseconds since 1970 (a commit's time has no written form)
  kind @3 :UInt16;                    # 0: delta, 1: snapshot
  parent @4 :UInt64;                  # number of the revision before it
  sizeBytes @5 :UInt64;               # what the commit appended to the file
}
