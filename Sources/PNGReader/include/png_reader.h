// Decoding of PNG files through libpng, which reports errors by longjmp, as only C may.
#ifndef PNG_READER_H
#define PNG_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct png_photo {
    uint32_t height, width; // 0 where the file ends before it tells
    uint8_t *pixels;        // row, column, red–green–blue; freed by the caller
    uint8_t *exif;          // without the header that JPEG files have; NULL where there is none; freed by the caller
    uint32_t exif_size;
    char message[128]; // what is wrong with the file
} png_photo;

// Decodes a file of any kind: palettes and grey become colors, samples of 16 bits lose their lower half, transparency
// is dropped, and the gamma that a file names is not looked at, nor are texts. False leaves `pixels` and `exif` NULL
// and a `message`; nothing is unpacked of a file of more than `pixel_limit` pixels.
bool png_read_photo(const uint8_t *file, size_t size, size_t pixel_limit, png_photo *photo);

#endif
