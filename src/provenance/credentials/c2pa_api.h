// The functions that we use of the official C2PA library, c2pa-rs 0.91.3 through its C interface; the pinned wheel has
// no header. Prototypes as in contentauth/c2pa-rs, c2pa_c_ffi/src/{c_api,c2pa_stream,signer_info}.rs.
//
// Pointers are null and numbers -1 on failure, and then c2pa_error() says why ("Kind: message"). Whatever comes back as
// a pointer is freed once with c2pa_free, streams with c2pa_release_stream. A function that "consumes" an argument does
// so on failure too. Only the forms with an explicit context are here: the others read thread-local settings, whose
// defaults fetch manifests from addresses that a file names.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct C2paStream;
struct C2paSettings;
struct C2paContextBuilder;
struct C2paContext;
struct C2paBuilder;
struct C2paReader;
struct C2paSigner;

enum C2paSeekMode { C2PA_SEEK_START = 0, C2PA_SEEK_CURRENT = 1, C2PA_SEEK_END = 2 };

struct C2paSignerInfo {
  const char* alg;          // "es256", ...
  const char* sign_cert;    // PEM chain, leaf first
  const char* private_key;  // PEM
  const char* ta_url;       // time-stamp server, or null
};

char* c2pa_version(void);
char* c2pa_error(void);
int c2pa_free(const void* pointer);

// The callbacks return the bytes moved or the new position, and a negative number with errno on failure.
C2paStream* c2pa_create_stream(void* context, intptr_t (*read)(void*, uint8_t*, intptr_t),
                               intptr_t (*seek)(void*, intptr_t, C2paSeekMode),
                               intptr_t (*write)(void*, const uint8_t*, intptr_t), intptr_t (*flush)(void*));
void c2pa_release_stream(C2paStream* stream);

C2paSettings* c2pa_settings_new(void);
int c2pa_settings_update_from_string(C2paSettings* settings, const char* text, const char* format);
C2paContextBuilder* c2pa_context_builder_new(void);
int c2pa_context_builder_set_settings(C2paContextBuilder* builder, C2paSettings* settings);  // copies the settings
C2paContext* c2pa_context_builder_build(C2paContextBuilder* builder);                        // consumes the builder

C2paBuilder* c2pa_builder_from_context(C2paContext* context);
C2paBuilder* c2pa_builder_with_definition(C2paBuilder* builder, const char* json);  // consumes the builder
void c2pa_builder_set_no_embed(C2paBuilder* builder);
int c2pa_builder_add_ingredient_from_stream(C2paBuilder* builder, const char* json, const char* format,
                                            C2paStream* stream);
int c2pa_builder_add_resource(C2paBuilder* builder, const char* name, C2paStream* stream);
// The length of the manifest store, whose bytes go to *manifest.
int64_t c2pa_builder_sign(C2paBuilder* builder, const char* format, C2paStream* source, C2paStream* destination,
                          C2paSigner* signer, const unsigned char** manifest);
const char* const* c2pa_builder_supported_mime_types(size_t* count);
void c2pa_free_string_array(const char* const* strings, size_t count);
C2paSigner* c2pa_signer_from_info(const C2paSignerInfo* info);

C2paReader* c2pa_reader_from_context(C2paContext* context);
C2paReader* c2pa_reader_with_stream(C2paReader* reader, const char* format, C2paStream* stream);  // consumes the reader
C2paReader* c2pa_reader_with_manifest_data_and_stream(C2paReader* reader, const char* format, C2paStream* stream,
                                                      const uint8_t* manifest, size_t size);  // consumes the reader
char* c2pa_reader_json(C2paReader* reader);
}
