# Where Abseil is built with a string_view of its own (Debian 12), it and
# std::string_view do not convert into each other, and absl::StrCat takes no
# std::string_view. Our code says std::string_view throughout; so it is compiled
# with copies of three headers of Abseil that have the conversions which are
# missing. They change neither the layout of a class nor a symbol of the library.

# caravan_abseil_header(<header> <line> <what goes before it> [<line> <what goes before it>])
function(caravan_abseil_header header)
  file(READ /usr/include/absl/${header} text)
  foreach(i RANGE 1 ${ARGC} 2)
    if(i EQUAL ARGC)
      break()
    endif()
    math(EXPR next "${i} + 1")
    string(FIND "${text}" "${ARGV${i}}" at)
    if(at EQUAL -1)
      message(FATAL_ERROR "absl/${header} has no '${ARGV${i}}': see cmake/StringView.cmake")
    endif()
    string(REPLACE "${ARGV${i}}" "${ARGV${next}}\n${ARGV${i}}" text "${text}")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/abseil/absl/${header} CONTENT "${text}" @ONLY)
endfunction()

file(STRINGS /usr/include/absl/base/options.h caravan_own_string_view
     REGEX "^#define ABSL_OPTION_USE_STD_STRING_VIEW 0")
if(caravan_own_string_view)
  caravan_abseil_header(strings/string_view.h
      "#include <string>" "#include <string_view>"
      "  // Null `string_view` constructor"
      "  constexpr string_view(std::string_view v) noexcept : ptr_(v.data()), length_(v.size()) {}
  constexpr operator std::string_view() const noexcept { return {ptr_, length_}; }")
  caravan_abseil_header(strings/str_cat.h
      "  AlphaNum(absl::string_view pc)"
      "  AlphaNum(std::string_view pc) : piece_(pc.data(), pc.size()) {}")
  caravan_abseil_header(strings/internal/str_split_internal.h
      "  ConvertibleToStringView(absl::string_view s)"
      "  ConvertibleToStringView(std::string_view s) : value_(s.data(), s.size()) {}")
  include_directories(BEFORE SYSTEM ${CMAKE_BINARY_DIR}/abseil)
endif()
