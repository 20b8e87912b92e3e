"""Other files from a result: GLB (skinned and animated), MP4, PNG contact sheet. Each is imported when asked for."""
