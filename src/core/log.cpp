#include "core/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <mutex>

#include "core/printable.h"

namespace soragen {
namespace {

struct Logger {
  std::shared_ptr<spdlog::logger> out = spdlog::stderr_color_mt("soragen");
  std::mutex mutex;
  std::function<void()> before, after;
  Logger() { out->set_pattern("soragen: %^%l%$: %v"); }
};

Logger& logger() {
  static Logger instance;
  return instance;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

}  // namespace

void set_log_level(LogLevel level) { logger().out->set_level(spdlog_level(level)); }

void set_log_hooks(std::function<void()> before, std::function<void()> after) {
  const std::lock_guard lock(logger().mutex);
  logger().before = std::move(before);
  logger().after = std::move(after);
}

void log_line(LogLevel level, std::string_view text) {
  Logger& log = logger();
  if (!log.out->should_log(spdlog_level(level))) return;
  const std::lock_guard lock(log.mutex);
  if (log.before) log.before();
  log.out->log(spdlog_level(level), "{}", printable(text));
  log.out->flush();
  if (log.after) log.after();
}

}  // namespace soragen
