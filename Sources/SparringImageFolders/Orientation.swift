import CExif

/// What EXIF begins with in a JPEG file. PNG files leave it out.
let exifHeader = Array("Exif\0\0".utf8)

/// EXIF's orientation; 1, upright, where it does not say.
///
/// - Parameter exif: from its header on; empty where a file has none.
func orientation(exif: some Collection<UInt8>) -> Int {
    let bytes = Array(exif)
    guard !bytes.isEmpty, let data = exif_data_new_from_data(bytes, UInt32(clamping: bytes.count)) else {
        return 1
    }
    defer { exif_data_unref(data) }
    // The first of the directories is that of the main image.
    guard let entry = exif_content_get_entry(data.pointee.ifd.0, EXIF_TAG_ORIENTATION),
        entry.pointee.format == EXIF_FORMAT_SHORT, entry.pointee.components == 1
    else { return 1 }
    return Int(exif_get_short(entry.pointee.data, exif_data_get_byte_order(data)))
}
