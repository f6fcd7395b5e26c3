#include "png_reader.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

typedef struct input {
    const uint8_t *bytes;
    size_t left;
} input;

static void read_bytes(png_structp png, png_bytep target, size_t count) {
    input *file = png_get_io_ptr(png);
    if (count > file->left) png_error(png, "it ends too early");
    memcpy(target, file->bytes, count);
    file->bytes += count;
    file->left -= count;
}

static void keep_message(png_structp png, const char *message) {
    png_photo *photo = png_get_error_ptr(png);
    strncpy(photo->message, message, sizeof photo->message - 1);
    png_longjmp(png, 1);
}

static void ignore_warning(png_structp png, const char *message) {
    (void)png;
    (void)message;
}

// A copy of what stands before or behind the pixels.
static void keep_exif(png_structp png, png_infop info, png_photo *photo) {
#ifdef PNG_eXIf_SUPPORTED
    png_bytep exif = NULL;
    png_uint_32 size = 0;
    if (png_get_eXIf_1(png, info, &size, &exif) == 0 || size == 0) return;
    photo->exif = malloc(size);
    if (photo->exif == NULL) png_error(png, "there is no memory for its EXIF");
    memcpy(photo->exif, exif, size);
    photo->exif_size = size;
#endif
}

static void read_rows(png_structp png, png_infop info, size_t pixel_limit, png_photo *photo) {
    // Texts and color profiles are compressed, so that a small file may hold a thousand large ones.
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_AS_DEFAULT, (png_const_bytep) "eXIf", 1);
    png_read_info(png, info);
    photo->height = png_get_image_height(png, info);
    photo->width = png_get_image_width(png, info);
    if (photo->height > pixel_limit / photo->width) png_error(png, "it has too many pixels");
    png_set_expand(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    png_set_gray_to_rgb(png);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t row_bytes = png_get_rowbytes(png, info);
    photo->pixels = malloc(photo->height * row_bytes);
    if (photo->pixels == NULL) png_error(png, "there is no memory for its pixels");
    for (int pass = 0; pass < passes; pass++) {
        for (size_t row = 0; row < photo->height; row++) png_read_row(png, photo->pixels + row * row_bytes, NULL);
    }
    png_read_end(png, info);
    keep_exif(png, info, photo);
}

bool png_read_photo(const uint8_t *file, size_t size, size_t pixel_limit, png_photo *photo) {
    input source = {file, size};
    *photo = (png_photo){.message = "there is no memory to decode it"};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, photo, keep_message, ignore_warning);
    if (png == NULL) return false;
    png_infop info = png_create_info_struct(png);
    if (info == NULL) {
        png_destroy_read_struct(&png, NULL, NULL);
        return false;
    }
    if (setjmp(png_jmpbuf(png))) {
        free(photo->pixels);
        free(photo->exif);
        photo->pixels = photo->exif = NULL;
        png_destroy_read_struct(&png, &info, NULL);
        return false;
    }
    png_set_read_fn(png, &source, read_bytes);
    read_rows(png, info, pixel_limit, photo);
    png_destroy_read_struct(&png, &info, NULL);
    return true;
}
