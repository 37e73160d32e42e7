// Any exception as what a person is told: its kind (the exit code) and one line.
#pragma once

#include <exception>
#include <string>

#include "soragen/error.h"

namespace soragen::pipeline {

struct Failure {
  ErrorKind kind = ErrorKind::internal;
  std::string message;  // one line
  std::string details;  // the whole text where the line leaves something out, for -v
};

// Of the processor's memory or a device's, as the libraries say it in their own ways.
bool is_out_of_memory(std::exception_ptr exception);

Failure describe_failure(std::exception_ptr exception);

void log_details(const Failure& failure);  // line by line, at debug level

}  // namespace soragen::pipeline
