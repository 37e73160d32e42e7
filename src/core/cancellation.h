// Ctrl-C and SIGTERM. The first asks every stage to stop at its next safe point; the second ends the
// process at once (exit 130), for a person who does not want to wait.
#pragma once

namespace soragen {

void install_signal_handlers();
bool is_cancelled();
void check_cancelled();       // throws Error{interrupted}
void request_cancellation();  // what the signal handler calls; tests use it too
void reset_cancellation();

}  // namespace soragen
