// Log lines go to stderr; stdout carries results only.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string_view>

namespace soragen {

enum class LogLevel { debug, info, warning, error, off };

void set_log_level(LogLevel level);
void log_line(LogLevel level, std::string_view text);

// Called around every line, so that a progress bar on the same terminal can step aside.
void set_log_hooks(std::function<void()> before, std::function<void()> after);

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace soragen
