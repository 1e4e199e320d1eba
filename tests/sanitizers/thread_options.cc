// How programs run that are built with ThreadSanitizer. What TSAN_OPTIONS says goes
// before it.

extern "C" const char* __tsan_default_options() {
  return "halt_on_error=1:second_deadlock_stack=1:history_size=4";
}

// Of a library that is built without ThreadSanitizer, only malloc, free, memcpy and
// the like are seen, and little of what orders them. What these do when such a
// library calls them is left out; what our code does with the memory is not.
extern "C" const char* __tsan_default_suppressions() {
  return
      // Hand work from thread to thread over queues and counts without locks.
      // thread_grpc.cc tells what they promise to their callers.
      "called_from_lib:libgrpc.so\n"
      "called_from_lib:libgrpc++.so\n"
      "called_from_lib:libgpr.so\n"
      // Frees bytes of ours that it sent, perhaps to a reader in the same process,
      // when its count of references says so.
      "race:^grpc_core::NewSliceRefcount::Destroy\n"
      // Makes the text of an error on a thread of gRPC, for who waits for the call.
      "race:^absl::debian3::CopyCordToString\n"
      // Allocate and compare what gRPC hands on: its messages, the texts of errors,
      // addresses.
      "called_from_lib:libupb.so\n"
      "called_from_lib:libabsl_status.so\n"
      "called_from_lib:libabsl_cord.so\n"
      // Loads a time zone once; who comes later sees that without a lock.
      "called_from_lib:libabsl_time_zone.so\n"
      // Makes its pool of random numbers once, likewise.
      "called_from_lib:libabsl_random_internal_pool_urbg.so\n"
      // The graph of the search for deadlocks of Abseil has a lock of its own.
      "called_from_lib:libabsl_graphcycles_internal.so\n"
      // Count references of keys and certificates without locks.
      "called_from_lib:libssl.so\n"
      "called_from_lib:libcrypto.so\n"
      // The shared memory of the log of SQLite is read and checked without a lock.
      "race:libsqlite3.so\n";
}
