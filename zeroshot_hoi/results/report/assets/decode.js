// The packed block: base64, then deflate, then typed arrays that look into one buffer.
const TYPES = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array };

async function unpack(text) {
  const packed = Uint8Array.from(atob(text.trim()), letter => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  return place => new TYPES[place.type](buffer, place.at, place.count);
}

// Low bytes, then high bytes, of the differences between frames: back to one code a coordinate.
function decodeFrames(bytes, frames) {
  const count = bytes.length / 2, width = count / frames, codes = new Uint16Array(count);
  for (let k = 0; k < count; k++) {
    codes[k] = (bytes[k] | bytes[count + k] << 8) + (k >= width ? codes[k - width] : 0);
  }
  return codes;
}
