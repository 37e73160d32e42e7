// soragen keygen: a root and a certificate to sign films with, in the user's configuration folder.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/results.h"
#include "core/printable.h"
#include "provenance/credentials/identity.h"

namespace soragen::cli {

int keygen(const Invocation& invocation) {
  const provenance::NewIdentity made = provenance::make_identity(invocation.name, invocation.force);
  const std::string root = (made.folder / "root.pem").string();
  if (invocation.json) {
    print_json({{"name", made.name},
                {"folder", made.folder.string()},
                {"root", root},
                {"valid_until", made.valid_until},
                {"replaced", made.replaced.empty() ? Json() : Json(made.replaced.string())}},
               2);
    return 0;
  }
  std::string text =
      fmt::format("films are signed as {} until {}, and then the certificate is renewed\nroot to trust: {}\n",
                  printable(made.name), made.valid_until, printable(root));
  if (!made.replaced.empty()) text += fmt::format("the old identity is now in {}\n", printable(made.replaced.string()));
  print_text(text);
  return 0;
}

}  // namespace soragen::cli
