"""What windows of mature labels say of a model, and the incidents that follow from windows."""
