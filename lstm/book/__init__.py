"""What only the chapters need: code by the label of an equation, earlier forms, figures."""
