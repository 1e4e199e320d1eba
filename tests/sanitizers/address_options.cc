// How programs run that are built with AddressSanitizer and
// UndefinedBehaviorSanitizer. What ASAN_OPTIONS, UBSAN_OPTIONS and LSAN_OPTIONS say
// goes before it.

extern "C" const char* __asan_default_options() {
  return "check_initialization_order=1:strict_init_order=1:strict_string_checks=1:"
         "detect_stack_use_after_return=1";
}

extern "C" const char* __ubsan_default_options() { return "print_stacktrace=1"; }
