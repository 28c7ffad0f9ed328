"""What tests do with a live figure that is open in a page."""


def put(page, **changes):
    """Set traits of the opened figure, and wait until they are drawn."""
    page.evaluate(
        """async (changes) => {
          const { model } = document.querySelector(".bk-live");
          for (const [name, value] of Object.entries(changes)) model.set(name, value);
          model.save_changes();
          await new Promise((go) => setTimeout(go));
        }""",
        changes,
    )
