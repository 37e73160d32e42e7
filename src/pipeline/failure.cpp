#include "pipeline/failure.h"

#include <c10/util/Exception.h>

#include <filesystem>
#include <new>
#include <sstream>
#include <system_error>

#include "core/fail.h"
#include "core/log.h"

namespace soragen::pipeline {
namespace {

constexpr const char* kMemoryHint =
    "out of memory; fewer frames or a smaller size need less, and 'soragen plan' shows how much";

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// The CPU allocator throws a plain c10::Error; OutOfMemoryError is for devices.
bool is_memory_error(const c10::Error& error) {
  return dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
         std::string_view(error.what_without_backtrace()).find("can't allocate memory") != std::string_view::npos;
}

Failure describe_torch_error(const c10::Error& error) {
  if (is_memory_error(error)) return {ErrorKind::resource, kMemoryHint, error.what()};
  return {ErrorKind::internal, "LibTorch: " + first_line(error.what_without_backtrace()), error.what()};
}

}  // namespace

bool is_out_of_memory(std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::bad_alloc&) {
    return true;
  } catch (const c10::Error& error) {
    return is_memory_error(error);
  } catch (...) {
    return false;
  }
}

Failure describe_failure(std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return {error.kind(), error.what(), ""};
  } catch (const std::bad_alloc&) {
    return {ErrorKind::resource, kMemoryHint, ""};
  } catch (const c10::Error& error) {
    return describe_torch_error(error);
  } catch (const std::filesystem::filesystem_error& error) {
    const bool is_full = error.code() == std::errc::no_space_on_device;
    return {is_full ? ErrorKind::resource : ErrorKind::input,
            fmt::format("{}: {}", error.path1().string(), error.code().message()), error.what()};
  } catch (const std::exception& error) {
    return {ErrorKind::internal, first_line(error.what()), error.what()};
  } catch (...) {
    return {ErrorKind::internal, "an exception of unknown type", ""};
  }
}

void log_details(const Failure& failure) {
  std::istringstream lines(failure.details);
  for (std::string line; std::getline(lines, line);) log_debug("{}", line);
}

}  // namespace soragen::pipeline
