#include "lib/manager/statistics.h"

namespace session::manager {

SessionStatistics read(schema::Statistics::Reader record) {
  SessionStatistics statistics;
  statistics.saves = record.getSaves();
  statistics.checkpoints = record.getCheckpoints();
  statistics.recoveries = record.getRecoveries();
  statistics.loads = record.getLoads();
  statistics.save_nanos = record.getSaveNanos();
  statistics.load_nanos = record.getLoadNanos();
  statistics.execution_nanos = record.getExecutionNanos();
  statistics.written_bytes = record.getBytesWritten();
  statistics.raw_bytes = record.getRawBytes();
  statistics.stored_bytes = record.getStoredBytes();
  statistics.read_calls = record.getReadCalls();
  statistics.write_calls = record.getWriteCalls();
  statistics.sync_calls = record.getSyncCalls();
  return statistics;
}

void write(const SessionStatistics& statistics, schema::Statistics::Builder record) {
  record.setSaves(statistics.saves);
  record.setCheckpoints(statistics.checkpoints);
  record.setRecoveries(statistics.recoveries);
  record.setLoads(statistics.loads);
  record.setSaveNanos(statistics.save_nanos);
  record.setLoadNanos(statistics.load_nanos);
  record.setExecutionNanos(statistics.execution_nanos);
  record.setBytesWritten(statistics.written_bytes);
  record.setRawBytes(statistics.raw_bytes);
  record.setStoredBytes(statistics.stored_bytes);
  record.setReadCalls(statistics.read_calls);
  record.setWriteCalls(statistics.write_calls);
  record.setSyncCalls(statistics.sync_calls);
}

}  // namespace session::manager
